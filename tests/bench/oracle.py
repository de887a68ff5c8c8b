"""What a keyless bundle costs here and in sigstore-python, on the same bytes under the same root."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from controller.core.evidence import Refused
from controller.trust.verify import judge_candidate
from tests.bench.measure import Ratio, side_by_side
from tests.support.authority import IDENTITY, ISSUER
from tests.support.bundles import Order, make, order, trusted_root
from tests.support.forms import FORMS
from tests.support.judging import SUBJECT
from tests.support.rooting import payload_for, roots_for


def measure() -> Iterator[Ratio]:
    for name in ("v0.3 dsse", "v0.3 Rekor v2"):
        yield _beside_the_oracle(name, order(FORMS[name], payload_for(FORMS[name])))


def _beside_the_oracle(name: str, wanted: Order) -> Ratio:
    content, roots = make(wanted).content, roots_for(wanted)
    candidate = make(wanted).candidate()
    verifier, policy = _verifier(wanted), Identity(identity=IDENTITY, issuer=ISSUER)

    def ours() -> None:
        judged = judge_candidate(candidate, subject=SUBJECT, roots=roots, now=wanted.now)
        if isinstance(judged, Refused):
            raise AssertionError(judged.detail)  # noqa: TRY004

    def theirs() -> None:
        verifier.verify_dsse(Bundle.from_json(content), policy)

    return side_by_side(name, ours, "sigstore-python", theirs, times=50)


def _verifier(wanted: Order) -> Verifier:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trusted_root.json"
        path.write_text(json.dumps(trusted_root(wanted)))
        return Verifier(trusted_root=TrustedRoot.from_file(str(path)))
