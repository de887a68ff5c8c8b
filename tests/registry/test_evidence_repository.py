"""Evidence that the real cosign keeps in a repository beside the image's own: counted where that one is configured."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cluster import NAMESPACE, provenance
from tests.support.commands import Commands
from tests.support.desk import Desk, Json
from tests.support.registries import Cosign, Pushed, Registry

NUMBERS = itertools.count()
OWN = "evidence"

Sign = Callable[..., Pushed]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cosign: Cosign) -> Desk:
    return Desk(tmp_path, Commands(tmp_path, monkeypatch, capsys), cosign.public_key.read_text())


def elsewhere(registry: Registry, image: Pushed) -> str:
    return f"{registry.host}/{OWN}/{image.repository}"


def verified(desk: Desk, setting: Path, image: Pushed) -> tuple[int, str]:
    policies = ("--policies", desk.path / "policies.yaml", "--namespace", NAMESPACE)
    ended = desk.run("verify", *policies, "--registries", setting, "--output", "json", image.reference)
    return ended.code, ended.out


def configured(registry: Registry, image: Pushed) -> Json:
    return {"host": registry.host, "plainHTTP": True, "evidenceRepository": elsewhere(registry, image)}


@pytest.mark.case("REG-005")
@pytest.mark.parametrize("legacy", [False, True], ids=["bundles", "tags"])
def test_evidence_in_the_configured_repository_counts_and_no_other(
    registry: Registry, cosign: Cosign, desk: Desk, *, legacy: bool
) -> None:
    image = registry.push_image(f"verified/beside-{next(NUMBERS)}")
    signing = cosign.into(elsewhere(registry, image))
    signing.sign(image, legacy=legacy)
    signing.attest(image, provenance(), legacy=legacy)
    code, told = verified(desk, desk.registries({"host": registry.host, "plainHTTP": True}), image)
    assert (code, "NoProvenance" in told) == (1, True)
    online = verified(desk, desk.registries(configured(registry, image)), image)
    assert online[0] == 0
    captured = desk.path / "captured"
    assert (
        desk.run("capture", "--registries", desk.path / "registries.yaml", "--output", captured, image.reference).code
        == 0
    )
    assert desk.decision_on(captured, image.reference)[0] == 0


def test_what_is_kept_in_both_repositories_is_captured_together(registry: Registry, cosign: Cosign, desk: Desk) -> None:
    image = registry.push_image(f"verified/beside-{next(NUMBERS)}")
    cosign.sign(image, legacy=True)
    signing = cosign.into(elsewhere(registry, image))
    signing.sign(image, legacy=True)
    signing.attest(image, provenance(), legacy=True)
    setting = desk.registries(configured(registry, image))
    assert verified(desk, setting, image)[0] == 0
    captured = desk.path / "captured"
    assert desk.run("capture", "--registries", setting, "--output", captured, image.reference).code == 0
    assert desk.decision_on(captured, image.reference)[0] == 0
