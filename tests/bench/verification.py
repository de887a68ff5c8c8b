"""What verifying a candidate costs beside the one signature check that nobody can do without."""

from collections.abc import Iterator
from datetime import UTC, datetime

from controller.core.evidence import Refused
from controller.core.image import Digest
from controller.trust.root import TrustRoots
from controller.trust.verify import judge_candidate
from controller.wire.candidate import Candidate
from tests.bench.measure import Ratio, side_by_side
from tests.support.foundry import Foundry, SigningKey, roots_of

SUBJECT = Digest.of(b"the image")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def measure() -> Iterator[Ratio]:
    foundry = Foundry()
    many = roots_of(*(SigningKey().entry(f"key-{n}") for n in range(15)), foundry.key.entry())
    payload = foundry.provenance(SUBJECT)
    large = foundry.provenance(SUBJECT, path="x" * 1_000_000)
    message, signature = b"m" * 1000, foundry.key.sign(b"m" * 1000)
    public = foundry.key.entry().key

    def floor() -> None:
        public.verify(signature, message)

    def judged(candidate: Candidate, roots: TrustRoots) -> None:
        if isinstance(judge_candidate(candidate, subject=SUBJECT, roots=roots, now=NOW), Refused):
            raise AssertionError("the benchmark must measure what verifies")  # noqa: TRY004

    against = "one P-256 check"
    bundle, legacy = foundry.bundle_layer(payload).candidate(), foundry.envelope_layer(payload).candidate()
    huge = foundry.bundle_layer(large).candidate()
    yield side_by_side("bundle, one key", lambda: judged(bundle, foundry.roots), against, floor, times=200)
    yield side_by_side("envelope, one key", lambda: judged(legacy, foundry.roots), against, floor, times=200)
    yield side_by_side("bundle, sixteen keys", lambda: judged(bundle, many), against, floor, times=50)
    yield side_by_side("bundle of 1.8 MB, one key", lambda: judged(huge, foundry.roots), against, floor, times=5)
