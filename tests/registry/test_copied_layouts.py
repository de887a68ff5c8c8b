"""Layouts that the real skopeo, oras and cosign wrote: the decision about an image is the one its registry gets.

None of them but cosign knows of everything that is attached. What was left behind is missing, and the refusal says so.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import provenance
from tests.support.commands import Commands
from tests.support.copying import Oras, Skopeo
from tests.support.desk import Desk
from tests.support.registries import Cosign, Pushed, Registry, sha256

NAMES = (f"verified/copied-{number}" for number in itertools.count())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cosign: Cosign) -> Desk:
    return Desk(tmp_path, Commands(tmp_path, monkeypatch, capsys), cosign.public_key.read_text())


@pytest.fixture
def skopeo(tmp_path: Path) -> Skopeo:
    return Skopeo(tmp_path)


@pytest.fixture
def oras(tmp_path: Path) -> Oras:
    return Oras(tmp_path)


@pytest.fixture(params=[Skopeo, Oras])
def copier(request: pytest.FixtureRequest, tmp_path: Path) -> Skopeo | Oras:
    """Either of them: with cosign's tags they are alike."""
    made: Skopeo | Oras = request.param(tmp_path)
    return made


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return tmp_path / "layout"


class Shop:
    """Images in each registry, pushed once and signed once in each way: by bundles, or under cosign's tags."""

    def __init__(self, cosign: Cosign) -> None:
        self._cosign = cosign
        self._pushed: dict[tuple[str, str, bool | None], Pushed] = {}

    def image(self, registry: Registry, form: str = "image", *, legacy: bool | None) -> Pushed:
        """An image, or an index of images; `legacy` None: nobody signed it."""
        key = (registry.host, form, legacy)
        if key not in self._pushed:
            self._pushed[key] = self._push(registry, next(NAMES), form)
            if legacy is not None:
                self._cosign.sign(self._pushed[key], legacy=legacy)
                self._cosign.attest(self._pushed[key], provenance(), legacy=legacy)
        return self._pushed[key]

    @staticmethod
    def _push(registry: Registry, repository: str, form: str) -> Pushed:
        if form == "index":
            return registry.push_index(repository, "v1")[0]
        return registry.push_image(repository, "v1", content=repository.encode())


@pytest.fixture(scope="module")
def shop(cosign: Cosign) -> Shop:
    return Shop(cosign)


both_forms = pytest.mark.parametrize("form", ["image", "index"])
both_ways = pytest.mark.parametrize("legacy", [False, True], ids=["bundles", "tags"])


def tag_of(image: Pushed) -> str:
    """The fallback tag; cosign's begin with it."""
    return image.digest.replace(":", "-")


def referrers(registry: Registry, image: Pushed) -> list[Pushed]:
    answer = registry.request("GET", f"/v2/{image.repository}/referrers/{image.digest}")
    return [
        Pushed(
            repository=image.repository,
            digest=entry["digest"],
            media_type=entry["mediaType"],
            size=entry["size"],
            host=image.host,
        )
        for entry in answer.json()["manifests"]
    ]


def reasons(decision: Any) -> set[str]:
    """Every reason that a decision names anywhere in it."""
    if isinstance(decision, dict):
        own = {decision["reason"]} if isinstance(decision.get("reason"), str) else set()
        return own.union(*map(reasons, decision.values()))
    return set().union(*map(reasons, decision)) if isinstance(decision, list) else set()


def assert_the_same(desk: Desk, layout: Path, image: Pushed, *, admitted: bool = True) -> None:
    online = desk.decision(image.reference)
    assert desk.decision_on(layout, image.reference) == online
    assert online[0] == (0 if admitted else 1)


@pytest.mark.case("REG-020")
@both_forms
@pytest.mark.parametrize("legacy", [True, None], ids=["tags", "unsigned"])
def test_what_skopeo_copied_with_cosigns_tags(
    registry: Registry, shop: Shop, skopeo: Skopeo, desk: Desk, layout: Path, form: str, *, legacy: bool | None
) -> None:
    image = shop.image(registry, form, legacy=legacy)
    skopeo.copy(image, layout, "v1")
    for suffix in (".sig", ".att") if legacy else ():
        skopeo.copy_tag(image, layout, tag_of(image) + suffix)
    assert_the_same(desk, layout, image, admitted=legacy is not None)


@pytest.mark.case("REG-020")
@both_forms
def test_what_skopeo_copied_with_the_fallback_tag(
    distribution_registry: Registry, shop: Shop, skopeo: Skopeo, desk: Desk, layout: Path, form: str
) -> None:
    image = shop.image(distribution_registry, form, legacy=False)
    skopeo.copy(image, layout, "v1")
    skopeo.copy_tag(image, layout, tag_of(image))
    assert_the_same(desk, layout, image)


@pytest.mark.case("REG-020")
@both_forms
def test_what_skopeo_copied_with_each_referrer_by_its_digest(
    referrers_registry: Registry, shop: Shop, skopeo: Skopeo, desk: Desk, layout: Path, form: str
) -> None:
    image = shop.image(referrers_registry, form, legacy=False)
    skopeo.copy(image, layout, "v1")
    for number, evidence in enumerate(referrers(referrers_registry, image)):
        skopeo.copy(evidence, layout, f"evidence-{number}")
    assert_the_same(desk, layout, image)


@pytest.mark.case("REG-020")
@both_forms
@pytest.mark.parametrize("legacy", [False, None], ids=["bundles", "unsigned"])
def test_what_oras_copied_with_its_referrers(
    registry: Registry, shop: Shop, oras: Oras, desk: Desk, layout: Path, form: str, *, legacy: bool | None
) -> None:
    image = shop.image(registry, form, legacy=legacy)
    oras.copy(image, layout, "v1", "--recursive")
    assert_the_same(desk, layout, image, admitted=legacy is not None)


@pytest.mark.case("REG-020")
@both_forms
def test_what_oras_copied_with_cosigns_tags(
    registry: Registry, shop: Shop, oras: Oras, desk: Desk, layout: Path, form: str
) -> None:
    image = shop.image(registry, form, legacy=True)
    oras.copy(image, layout, "v1")
    for suffix in (".sig", ".att"):
        oras.copy_tag(image, layout, tag_of(image) + suffix)
    assert_the_same(desk, layout, image)


@pytest.mark.case("REG-020")
@both_forms
@both_ways
def test_what_cosign_saved(
    registry: Registry, shop: Shop, cosign: Cosign, desk: Desk, layout: Path, form: str, *, legacy: bool
) -> None:
    image = shop.image(registry, form, legacy=legacy)
    cosign.run("save", "--dir", layout, image.reference)
    assert_the_same(desk, layout, image)


@pytest.mark.case("CLI-015")
@both_forms
def test_without_a_digest_the_copied_image_is_meant_and_nothing_that_lies_beside_it(
    referrers_registry: Registry,
    shop: Shop,
    copier: Skopeo | Oras,
    desk: Desk,
    layout: Path,
    form: str,
) -> None:
    image = shop.image(referrers_registry, form, legacy=True)
    copier.copy(image, layout, "v1")
    for suffix in (".sig", ".att"):
        copier.copy_tag(image, layout, tag_of(image) + suffix)
    name = image.reference.partition("@")[0]
    assert desk.decision(f"oci:{layout}", "--offline", "--as", name) == desk.decision(image.reference)


@pytest.mark.case("REG-020")
@pytest.mark.parametrize(
    ("carried", "expected"),
    [((".sig",), "NoProvenance"), ((".att",), "NoSignature"), ((), "NoProvenance")],
    ids=["signatures only", "attestations only", "neither"],
)
def test_evidence_that_was_left_behind_is_told_as_missing(
    referrers_registry: Registry,
    shop: Shop,
    copier: Skopeo | Oras,
    desk: Desk,
    layout: Path,
    *,
    carried: Sequence[str],
    expected: str,
) -> None:
    image = shop.image(referrers_registry, legacy=True)
    copier.copy(image, layout, "v1")
    for suffix in carried:
        copier.copy_tag(image, layout, tag_of(image) + suffix)
    code, decision = desk.decision_on(layout, image.reference)
    assert (code, reasons(decision)) == (1, {expected})


@both_ways
def test_oras_leaves_what_it_was_not_told_to_bring(
    referrers_registry: Registry, shop: Shop, oras: Oras, desk: Desk, layout: Path, *, legacy: bool
) -> None:
    """Referrers come with --recursive alone, and tags of cosign's never by themselves."""
    image = shop.image(referrers_registry, legacy=legacy)
    oras.copy(image, layout, "v1", *(["--recursive"] if legacy else []))
    code, decision = desk.decision_on(layout, image.reference)
    assert (code, reasons(decision)) == (1, {"NoProvenance"})


def test_an_image_that_skopeo_compressed_is_another_image_and_has_no_evidence(
    referrers_registry: Registry, shop: Shop, skopeo: Skopeo, desk: Desk, layout: Path
) -> None:
    image = shop.image(referrers_registry, legacy=True)
    skopeo.copy_anew(image, layout, "v1")
    for suffix in (".sig", ".att"):
        skopeo.copy_tag(image, layout, tag_of(image) + suffix)
    other = sha256(skopeo.raw(layout, "v1"))
    assert other != image.digest
    code, decision = desk.decision_on(layout, image.reference.replace(image.digest, other))
    assert (code, reasons(decision)) == (1, {"NoProvenance"})


@both_ways
def test_what_was_captured_is_read_by_skopeo_and_by_oras(
    registry: Registry, shop: Shop, skopeo: Skopeo, oras: Oras, desk: Desk, layout: Path, *, legacy: bool
) -> None:
    image = shop.image(registry, "index", legacy=legacy)
    setting = desk.registries({"host": registry.host, "plainHTTP": True})
    tagged = f"{image.host}/{image.repository}:v1"
    assert desk.run("capture", "--registries", setting, "--output", layout, tagged).code == 0
    tags = oras.run("repo", "tags", "--oci-layout", str(layout)).split()
    evidence = [tag_of(image) + suffix for suffix in ([".sig", ".att"] if legacy else [""])]
    assert {"v1", *evidence} == set(tags)
    for tag in tags:
        content = skopeo.raw(layout, tag)
        assert oras.run("manifest", "fetch", "--oci-layout", f"{layout}:{tag}").encode() == content
    discovered = json.loads(oras.run("discover", "--oci-layout", "--format", "json", f"{layout}@{image.digest}"))
    assert len(discovered["referrers"]) == (0 if legacy else 2)
