"""What a bundle costs here, in sigstore-python on the same bytes under the same root, and in bare signature checks."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from controller.core.evidence import Refused
from controller.trust.opening import open_candidate
from controller.trust.signing import signings
from controller.trust.verify import judge_candidate
from tests.bench.measure import Ratio, side_by_side
from tests.bench.primitives import floor
from tests.support.authority import IDENTITY, ISSUER
from tests.support.bundles import Order, make, order, trusted_root
from tests.support.forms import FORMS
from tests.support.foundry import encode, provenance_predicate, statement
from tests.support.judging import SUBJECT
from tests.support.rooting import roots_for

GOAL = 0.7  # of sigstore-python's time
TIMES, ROUNDS = 40, 15


def measure() -> Iterator[Ratio]:
    """Rekor v1, Rekor v2 with its timestamp, and a key's signature, which sigstore-python does not read.

    The goal is for the whole; sigstore-python reads neither statement nor predicate, so what comes before that is told
    as well.
    """
    for name in ("v0.3 dsse", "v0.3 Rekor v2", "key v0.3 dsse"):
        wanted = order(FORMS[name], payload())
        size = f"{name}, {len(make(wanted).content) / 1000:.0f} kB"
        if wanted.form.certified:
            yield _beside(size, _whole(wanted), "sigstore-python", _theirs(wanted), goal=GOAL)
            yield _beside(f"{size}, payload unread", _unread(wanted), "sigstore-python", _theirs(wanted))
        yield _beside(size, _whole(wanted), "its bare signatures", floor(wanted.form))


def payload() -> bytes:
    """Provenance of the length that GitHub's has."""
    predicate = provenance_predicate()
    predicate["internalParameters"] = {"github": {f"variable_{n}": f"{n:04}" * 8 for n in range(24)}}
    packages = [{"uri": f"pkg:oci/base-{n}", "digest": {"sha256": f"{n:064}"}} for n in range(6)]
    predicate["buildDefinition"] = {**_definition(predicate), "resolvedDependencies": packages}
    return encode(statement(SUBJECT, predicate=predicate))


def _definition(predicate: dict[str, object]) -> dict[str, object]:
    definition = predicate["buildDefinition"]
    assert isinstance(definition, dict)
    return definition


def _beside(
    name: str, ours: Callable[[], object], against: str, base: Callable[[], object], *, goal: float | None = None
) -> Ratio:
    return side_by_side(name, ours, against, base, times=TIMES, rounds=ROUNDS, goal=goal)


def _whole(wanted: Order) -> Callable[[], object]:
    candidate, roots = make(wanted).candidate(), roots_for(wanted)

    def judge() -> None:
        judged = judge_candidate(candidate, subject=SUBJECT, roots=roots, now=wanted.now)
        if isinstance(judged, Refused):
            raise AssertionError(judged.detail)  # noqa: TRY004

    return judge


def _unread(wanted: Order) -> Callable[[], object]:
    """Signature, certificate, log and timestamp, without a look at what was signed."""
    candidate, roots = make(wanted).candidate(), roots_for(wanted)
    return lambda: signings(*open_candidate(candidate), roots=roots, now=wanted.now)


def _theirs(wanted: Order) -> Callable[[], object]:
    content, verifier = make(wanted).content, _verifier(wanted)
    policy = Identity(identity=IDENTITY, issuer=ISSUER)
    return lambda: verifier.verify_dsse(Bundle.from_json(content), policy)


def _verifier(wanted: Order) -> Verifier:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trusted_root.json"
        path.write_text(json.dumps(trusted_root(wanted)))
        return Verifier(trusted_root=TrustedRoot.from_file(str(path)))
