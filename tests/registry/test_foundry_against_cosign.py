"""The foundry and the real cosign agree about what good evidence is, and the judge believes what cosign writes."""

from __future__ import annotations

from pathlib import Path
from subprocess import CalledProcessError

import pytest

from controller.core.evidence import Kind
from controller.core.image import Digest
from controller.core.predicates import COSIGN_SIGN_V1, SIMPLE_SIGNING
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey, TrustRoots
from controller.trust.verify import judge_candidate
from tests.support.defects import Defect, forge
from tests.support.foundry import PROVENANCE_V1, Foundry, Layer, provenance_predicate, roots_of
from tests.support.judging import NOW
from tests.support.registries import Cosign, Pushed, Registry
from tests.support.signers import key_of

ARTIFACT = b"the manifest of an image"
SUBJECT = Digest.of(ARTIFACT)


@pytest.fixture
def roots(cosign: Cosign) -> TrustRoots:
    return roots_of(RootKey(name="cosign", key=parse_public_key(cosign.public_key.read_text())))


@pytest.fixture
def image(referrers_registry: Registry, request: pytest.FixtureRequest) -> Pushed:
    name = request.node.name.split("[")[0].replace("_", "-")
    return referrers_registry.push_image(f"foundry/{name}", content=name.encode())


def cosign_believes(cosign: Cosign, foundry: Foundry, layer: Layer, folder: Path, *, flag: str) -> None:
    """Raises CalledProcessError when it does not."""
    paths = {name: folder / name for name in ("artifact", "evidence", "key.pem")}
    paths["artifact"].write_bytes(ARTIFACT)
    paths["evidence"].write_bytes(layer.content)
    paths["key.pem"].write_text(foundry.key.pem)
    key = ("--key", paths["key.pem"], "--type", "slsaprovenance1", "--insecure-ignore-tlog=true")
    bundled = "true" if flag == "--bundle" else "false"
    cosign.run(
        "verify-blob-attestation",
        *key,
        f"--new-bundle-format={bundled}",
        flag,
        paths["evidence"],
        paths["artifact"],
    )


def stored(registry: Registry, image: Pushed, manifest: str) -> list[Layer]:
    """The layers of a manifest, as a registry client would read them."""
    document = registry.request("GET", f"/v2/{image.repository}/manifests/{manifest}").json()
    return [
        Layer(
            media_type=layer["mediaType"],
            content=registry.request("GET", f"/v2/{image.repository}/blobs/{layer['digest']}").body,
            annotations=layer.get("annotations", {}),
        )
        for layer in document["layers"]
    ]


def referring(registry: Registry, image: Pushed) -> list[Layer]:
    index = registry.request("GET", f"/v2/{image.repository}/referrers/{image.digest}").json()
    return [layer for entry in index["manifests"] for layer in stored(registry, image, entry["digest"])]


def kind_and_type(layer: Layer, image: Pushed, roots: TrustRoots) -> tuple[Kind, str]:
    judged = judge_candidate(layer.candidate(), subject=Digest.parse(image.digest), roots=roots, now=NOW)
    assert isinstance(judged, tuple), judged
    (found,) = judged
    assert key_of(found).name == "cosign"
    return found.kind, found.predicate_type


def test_cosign_believes_a_bundle_of_the_foundry(cosign: Cosign, foundry: Foundry, tmp_path: Path) -> None:
    layer = foundry.bundle_layer(foundry.provenance(SUBJECT))
    cosign_believes(cosign, foundry, layer, tmp_path, flag="--bundle")


def test_cosign_believes_an_envelope_of_the_foundry(cosign: Cosign, foundry: Foundry, tmp_path: Path) -> None:
    layer = foundry.envelope_layer(foundry.provenance(SUBJECT))
    cosign_believes(cosign, foundry, layer, tmp_path, flag="--signature")


@pytest.mark.parametrize("defect", [Defect.UNKNOWN_KEY, Defect.BYTE_FLIPPED, Defect.SUBJECT_ANOTHER])
def test_cosign_refuses_what_the_foundry_broke(
    cosign: Cosign, foundry: Foundry, tmp_path: Path, defect: Defect
) -> None:
    with pytest.raises(CalledProcessError):
        cosign_believes(cosign, foundry, forge(foundry, defect, SUBJECT), tmp_path, flag="--bundle")


def test_provenance_by_cosign_is_believed(
    cosign: Cosign, referrers_registry: Registry, image: Pushed, roots: TrustRoots
) -> None:
    cosign.attest(image, provenance_predicate())
    (layer,) = referring(referrers_registry, image)
    assert kind_and_type(layer, image, roots) == (Kind.PROVENANCE, PROVENANCE_V1)


def test_provenance_under_the_att_tag_is_believed(
    cosign: Cosign, referrers_registry: Registry, image: Pushed, roots: TrustRoots
) -> None:
    cosign.attest(image, provenance_predicate(), legacy=True)
    (layer,) = stored(referrers_registry, image, f"{image.digest.replace(':', '-')}.att")
    assert kind_and_type(layer, image, roots) == (Kind.PROVENANCE, PROVENANCE_V1)


@pytest.mark.case("TYPE-014")
def test_an_image_signature_by_cosign_is_believed(
    cosign: Cosign, referrers_registry: Registry, image: Pushed, roots: TrustRoots
) -> None:
    cosign.sign(image)
    (layer,) = referring(referrers_registry, image)
    assert kind_and_type(layer, image, roots) == (Kind.IMAGE_SIGNATURE, COSIGN_SIGN_V1)


def test_an_image_signature_under_the_sig_tag_is_believed_and_names_its_repository(
    cosign: Cosign, referrers_registry: Registry, image: Pushed, roots: TrustRoots
) -> None:
    cosign.sign(image, legacy=True)
    (layer,) = stored(referrers_registry, image, f"{image.digest.replace(':', '-')}.sig")
    assert kind_and_type(layer, image, roots) == (Kind.IMAGE_SIGNATURE, SIMPLE_SIGNING)
    judged = judge_candidate(layer.candidate(), subject=Digest.parse(image.digest), roots=roots, now=NOW)
    assert isinstance(judged, tuple)
    assert str(judged[0].repository) == f"{image.host}/{image.repository}"


def test_without_the_key_nothing_of_cosign_is_believed(
    cosign: Cosign, referrers_registry: Registry, image: Pushed, foundry: Foundry
) -> None:
    cosign.sign(image)
    (layer,) = referring(referrers_registry, image)
    judged = judge_candidate(layer.candidate(), subject=Digest.parse(image.digest), roots=foundry.roots, now=NOW)
    assert not isinstance(judged, tuple)
