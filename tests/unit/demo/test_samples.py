"""Each sample has exactly the fault it is there to show, judged by the verification that the webhook uses."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from controller.core.evidence import Kind, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.demo.images import SampleImage
from controller.demo.samples import SampleKeys, build_samples
from controller.demo.signing import BUNDLE_TYPE
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey, TrustRoot, TrustRoots
from controller.trust.verify import judge_candidate
from controller.wire.candidate import Candidate, Container
from tests.support.signers import key_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = SampleKeys.generate()
SAMPLES = build_samples(KEYS)
ROOT = TrustRoot(
    name="acme",
    keys=tuple(RootKey(name=name, key=parse_public_key(key.public_pem)) for name, key in KEYS.trusted().items()),
)


def judged(image: SampleImage) -> Iterator[tuple[VerifiedStatement, ...] | Refused]:
    for blob in image.blobs:
        if blob.media_type == BUNDLE_TYPE:
            candidate = Candidate(container=Container.BUNDLE, content=blob.body, digest=blob.digest)
            yield judge_candidate(candidate, subject=image.digest, roots=TrustRoots(roots={"acme": ROOT}), now=NOW)


def verified(name: str) -> list[VerifiedStatement]:
    return [statement for found in judged(SAMPLES[name]) if isinstance(found, tuple) for statement in found]


def refused(name: str) -> Refused:
    (found,) = judged(SAMPLES[name])
    assert isinstance(found, Refused)
    return found


@pytest.mark.parametrize(
    ("name", "key", "repository", "ref"),
    [
        ("attested", "platform", "https://github.com/acme/shop", "refs/tags/v1.2.3"),
        ("foreign", "platform", "https://github.com/mallory/shop", "refs/tags/v1.2.3"),
        ("experiment", "platform", "https://github.com/acme/shop", "refs/heads/experiment"),
        ("runner", "shared-runner", "https://github.com/acme/shop", "refs/tags/v1.2.3"),
    ],
)
def test_attested_samples_verify_and_say_where_they_come_from(name: str, key: str, repository: str, ref: str) -> None:
    (statement,) = verified(name)
    assert statement.provenance is not None
    assert key_of(statement).name == key
    assert (statement.provenance.source.repository, statement.provenance.source.ref) == (repository, ref)


def test_the_released_sample_has_provenance_and_a_signature_by_the_release_key() -> None:
    found = {statement.kind: key_of(statement).name for statement in verified("released")}
    assert found == {Kind.PROVENANCE: "platform", Kind.IMAGE_SIGNATURE: "release"}


@pytest.mark.parametrize(("name", "step"), [("stranger", 0), ("tampered", 0), ("borrowed", 1)])
def test_forged_samples_are_refused_at_the_step_they_are_there_for(name: str, step: int) -> None:
    assert refused(name).step == step


def test_the_unsigned_sample_carries_nothing() -> None:
    assert not list(judged(SAMPLES["unsigned"]))
    assert SAMPLES["unsigned"].referrers == ()


def test_every_sample_is_another_image() -> None:
    digests: set[Digest] = {image.digest for image in SAMPLES.values()}
    assert len(digests) == len(SAMPLES)
