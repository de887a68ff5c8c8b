"""What a bundle costs here, in sigstore-python on the same bytes under the same root, and in bare signature checks."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from controller.core.evidence import Refused
from controller.core.predicates import PROVENANCE_V1
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
_PROVENANCE = ("application/vnd.in-toto+json", "https://in-toto.io/Statement/v1", PROVENANCE_V1)
TIMES, ROUNDS = 40, 15


def measure() -> Iterator[Ratio]:
    """Rekor v1, Rekor v2 with its timestamp, and a key's signature, which sigstore-python does not read.

    Both sides come to the same: first that the bundle holds for this identity, with nothing read of what was signed,
    as sigstore-python leaves it; then that it is provenance of this image, which its caller has to read himself.
    """
    for name in ("v0.3 dsse", "v0.3 Rekor v2", "key v0.3 dsse"):
        wanted = order(FORMS[name], payload())
        size = f"{name}, {len(make(wanted).content) / 1000:.0f} kB"
        if wanted.form.certified:
            theirs = _theirs(wanted)
            yield _beside(f"{size}, payload unread", _unread(wanted), "sigstore-python", theirs, goal=GOAL)
            read = _read(theirs)
            yield _beside(f"{size}, provenance read", _whole(wanted), "sigstore-python, json", read, goal=GOAL)
            yield _beside(f"{size}, provenance read by ours alone", _whole(wanted), "sigstore-python", theirs)
        yield _beside(f"{size}, provenance read", _whole(wanted), "its bare signatures", floor(wanted.form))


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


def _theirs(wanted: Order) -> Callable[[], tuple[str, bytes]]:
    """Signature, certificate, log and timestamp; payload type and payload are the caller's to look at."""
    content, verifier = make(wanted).content, _verifier(wanted)
    policy = Identity(identity=IDENTITY, issuer=ISSUER)
    return lambda: verifier.verify_dsse(Bundle.from_json(content), policy)


def _read(verify: Callable[[], tuple[str, bytes]]) -> Callable[[], object]:
    """The least that a caller must do before this says anything about the image."""

    def judge() -> None:
        payload_type, signed = verify()
        said = json.loads(signed)
        about = {each["digest"].get("sha256") for each in said["subject"]}
        typed = (payload_type, said["_type"], said["predicateType"]) == _PROVENANCE
        if not typed or SUBJECT.hex not in about or not said["predicate"]["runDetails"]["builder"]["id"]:
            raise AssertionError("the benchmark must measure what verifies")

    return judge


def _verifier(wanted: Order) -> Verifier:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trusted_root.json"
        path.write_text(json.dumps(trusted_root(wanted)))
        return Verifier(trusted_root=TrustedRoot.from_file(str(path)))
