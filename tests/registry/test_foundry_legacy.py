"""The real cosign reads the foundry's legacy layers from a registry, under the tags where cosign put them."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from tests.support.authority import IDENTITY, ISSUER
from tests.support.breaking import Change
from tests.support.bundles import Order, make, order, trusted_root
from tests.support.changes import ALL_DEFECTS
from tests.support.forms import FORMS, Wrap
from tests.support.registries import CONFIG_TYPE, MANIFEST_TYPE, Cosign, Pushed, Registry

LEGACY = [name for name, form in FORMS.items() if form.wrap.legacy]
BROKEN = ("leaf_by_namesake", "promise_of_another_entry", "entry_of_another_payload", "integrated_after")


@pytest.fixture
def image(referrers_registry: Registry, request: pytest.FixtureRequest) -> Pushed:
    content = request.node.name.encode()
    return referrers_registry.push_image(f"legacy/{content.hex()[:40]}", content=content)


def payload(wrap: Wrap, image: Pushed) -> bytes:
    if wrap is Wrap.SIG:
        identity = {"docker-reference": f"{image.host}/{image.repository}"}
        critical = {"identity": identity, "image": {"docker-manifest-digest": image.digest}}
        critical_type = {"type": "cosign container image signature"}
        return json.dumps({"critical": {**critical, **critical_type}, "optional": None}).encode()
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": image.repository, "digest": {"sha256": image.digest.removeprefix("sha256:")}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    return json.dumps(statement).encode()


def push(registry: Registry, image: Pushed, wanted: Order) -> None:
    """Put the layer where cosign looks for it."""
    layer = make(wanted)
    descriptor = registry.push_blob(image.repository, layer.content, layer.media_type)
    config = registry.push_blob(image.repository, b"{}", CONFIG_TYPE)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config,
        "layers": [{**descriptor, "annotations": dict(layer.annotations)}],
    }
    suffix = "sig" if wanted.form.wrap is Wrap.SIG else "att"
    registry.push_manifest(image.repository, manifest, f"{image.digest.replace(':', '-')}.{suffix}")


def believed(cosign: Cosign, image: Pushed, wanted: Order, folder: Path) -> bool:
    root, key = folder / "root.json", folder / "key.pem"
    root.write_text(json.dumps(trusted_root(wanted)))
    key.write_bytes(wanted.key.pem)
    form = wanted.form
    identity = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER]
    arguments = [
        *(["verify"] if form.wrap is Wrap.SIG else ["verify-attestation", "--type", "slsaprovenance1"]),
        *("--trusted-root", root, "--new-bundle-format=false"),
        *(identity if form.certified else ["--key", key]),
        *([] if form.entry else ["--insecure-ignore-tlog=true"]),
        *(["--use-signed-timestamps"] if form.stamped else []),
        *([] if form.sct else ["--insecure-ignore-sct=true"]),
        image.reference,
    ]
    try:
        cosign.run(*arguments)
    except CalledProcessError:
        return False
    return True


@pytest.mark.parametrize("name", LEGACY)
def test_cosign_believes_every_sound_legacy_layer(
    name: str, cosign: Cosign, referrers_registry: Registry, image: Pushed, tmp_path: Path
) -> None:
    wanted = order(FORMS[name], payload(FORMS[name].wrap, image))
    push(referrers_registry, image, wanted)
    assert believed(cosign, image, wanted, tmp_path)


@pytest.mark.parametrize("name", [".att dsse", ".sig hashedrekord"])
@pytest.mark.parametrize("change", [c for c in ALL_DEFECTS if c.name in BROKEN], ids=lambda change: change.name)
def test_cosign_refuses_what_is_broken(
    change: Change, name: str, cosign: Cosign, referrers_registry: Registry, image: Pushed, tmp_path: Path
) -> None:
    wanted = order(FORMS[name], payload(FORMS[name].wrap, image))
    change.apply(wanted)
    push(referrers_registry, image, wanted)
    assert not believed(cosign, image, wanted, tmp_path)
