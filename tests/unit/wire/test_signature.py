"""Simple signing."""

import pytest

from controller.core.errors import MalformedAttestation
from controller.core.image import Digest, Repository
from controller.wire.signature import parse_simple_signing
from tests.support.foundry import Foundry, encode

SUBJECT = Digest.of(b"image")
KIND = "cosign container image signature"


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("ghcr.io/acme/shop", "ghcr.io/acme/shop"),
        ("ghcr.io/acme/shop:v1", "ghcr.io/acme/shop"),
        (f"ghcr.io/acme/shop@{SUBJECT}", "ghcr.io/acme/shop"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx"),
        ("127.0.0.1:5000/shop", "127.0.0.1:5000/shop"),
    ],
)
def test_a_payload_names_its_image(reference: str, repository: str) -> None:
    found = parse_simple_signing(Foundry().simple_signing(SUBJECT, repository=reference))
    assert found.is_image_signature
    assert found.is_about(SUBJECT)
    assert found.repository == Repository.parse(repository)


@pytest.mark.parametrize(
    "identity", [None, {}, {"docker-reference": None}, {"docker-reference": ""}, {"docker-reference": "A B"}]
)
def test_without_a_comparable_reference_there_is_no_repository(identity: object) -> None:
    critical = {"type": KIND, "image": {"docker-manifest-digest": str(SUBJECT)}, "identity": identity}
    assert parse_simple_signing(encode({"critical": critical})).repository is None


@pytest.mark.case("BIND-011")
@pytest.mark.parametrize(
    "digest", [str(SUBJECT).upper(), SUBJECT.hex, f"sha512:{SUBJECT.hex}", str(Digest.of(b"other")), ""]
)
def test_another_digest_is_another_image(digest: str) -> None:
    critical = {"type": KIND, "image": {"docker-manifest-digest": digest}}
    assert not parse_simple_signing(encode({"critical": critical})).is_about(SUBJECT)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"critical": None},
        {"critical": {"type": KIND}},
        {"critical": {"type": KIND, "image": {}}},
        {"critical": {"type": KIND, "image": {"Docker-manifest-digest": str(SUBJECT)}}},
        {"critical": {"image": {"docker-manifest-digest": str(SUBJECT)}}},
        {"critical": {"type": None, "image": {"docker-manifest-digest": str(SUBJECT)}}},
        [],
    ],
)
def test_without_type_or_digest_it_is_malformed(document: object) -> None:
    with pytest.raises(MalformedAttestation):
        parse_simple_signing(encode(document))
