"""What the real cosign signs with keys of every curve, in each container, is believed by the key's own algorithm."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from controller.core.evidence import VerifiedStatement
from controller.core.image import Digest
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey
from controller.trust.verify import judge_candidate
from tests.support.foundry import Layer, encode, provenance_predicate, roots_of
from tests.support.judging import NOW
from tests.support.registries import Cosign, Pushed, Registry
from tests.support.signers import key_of

OFFLINE = ("--yes", "--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format=false")
CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}


@pytest.mark.case("KEY-007")
@pytest.mark.case("KEY-008")
@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("signer", ["cosign", "cosign2"])
def test_what_cosign_signs_with_a_key_of_this_curve_is_believed(
    request: pytest.FixtureRequest, referrers_registry: Registry, tmp_path: Path, signer: str, name: str
) -> None:
    cosign: Cosign = request.getfixturevalue(signer)
    image = referrers_registry.push_image(f"keys/{signer}/{name}", content=name.encode())
    key = ec.generate_private_key(CURVES[name])
    pair, predicate = tmp_path / name, tmp_path / "predicate.json"
    private = tmp_path / "private.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    predicate.write_bytes(encode(provenance_predicate()))
    cosign.run("import-key-pair", "--key", private, "--output-key-prefix", pair, "--yes")
    signing = ("--key", f"{pair}.key", *OFFLINE, image.reference)
    cosign.run("sign", *signing)
    cosign.run("attest", "--type", "slsaprovenance1", "--predicate", predicate, *signing)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for tag in ("sig", "att"):
        found = _proven(_layer(referrers_registry, image, tag), image, public)
        assert key_of(found).name == "cosign"


def _layer(registry: Registry, image: Pushed, tag: str) -> Layer:
    """The only layer under this tag of cosign's."""
    path = f"/v2/{image.repository}"
    manifest = registry.request("GET", f"{path}/manifests/{image.digest.replace(':', '-')}.{tag}").json()
    (layer,) = manifest["layers"]
    content = registry.request("GET", f"{path}/blobs/{layer['digest']}").body
    return Layer(media_type=layer["mediaType"], content=content, annotations=layer.get("annotations", {}))


def _proven(layer: Layer, image: Pushed, public: str) -> VerifiedStatement:
    roots = roots_of(RootKey(name="cosign", key=parse_public_key(public)))
    judged = judge_candidate(layer.candidate(), subject=Digest.parse(image.digest), roots=roots, now=NOW)
    assert isinstance(judged, tuple), judged
    (found,) = judged
    return found
