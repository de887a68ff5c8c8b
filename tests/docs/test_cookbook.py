"""The cookbook's policies, applied to a real API server: each admits its good image and refuses its bad one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.core.verdict import Verdict
from controller.engine.circumstances import Circumstances
from controller.engine.decision import decide
from controller.engine.policies import PolicyStore, Snapshot
from controller.wire.admission import parse_review
from controller.wire.policy import KINDS, parse_objects
from controller.wire.policy.lint import lint
from controller.wire.workload import parse_workload
from tests.docs.images import KEYS, Making, own
from tests.docs.pairs import PAIRS, Image
from tests.support import objects, reviews
from tests.support.attesting import attached
from tests.support.cluster import API, install_kinds
from tests.support.controlplane import ControlPlane
from tests.support.instance import acme
from tests.support.pages import fill_in, marked

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/cookbook.md"
CATALOGUE = ["github-attestations", "github-attestations-private", "gitlab", "google-cloud-build", "tekton-chains"]
RECIPES = {block.note: block.text for block in marked("recipe", PAGE.name)}
# The exception's end is written for a reader; created now, it may lie 90 days ahead.
SOON = datetime.now(UTC) + timedelta(days=30)
PEMS = {name: key.pem for name, key in KEYS.items()}

Object = Mapping[str, Any]
# It is about every image, and says so.
ADVICE = {"incident": {"spec.match.images"}}


@dataclass(frozen=True, kw_only=True)
class Kitchen:
    """What the API server has, as it gives it back: what every recipe believes, and each recipe's own objects."""

    believed: tuple[Object, ...]
    recipes: Mapping[str, tuple[Object, ...]]

    def snapshot(self, recipe: str) -> Snapshot:
        everything = (*self.believed, *self.recipes[recipe])
        store = PolicyStore()
        for kind in KINDS:
            store.replace(kind, [one for one in everything if one["kind"] == kind])
        found = store.current()
        assert found is not None
        return found


def written(text: str, name: str) -> tuple[Object, ...]:
    """The objects of a block, with keys and an end that are the test's own."""
    ended = re.sub(r'expires: "[^"]+"', f'expires: "{SOON:%Y-%m-%dT%H:%M:%SZ}"', fill_in(text, PEMS))
    return tuple(parse_objects(ended, name))


def everything_believed() -> tuple[Object, ...]:
    inline = {"sigstore": {"trustedRoot": {"inline": json.dumps(acme().trusted_root())}}}
    sigstore = objects.document("TrustRoot", "sigstore", inline)
    # As the catalogue has it, with its trusted root written out.
    private: dict[str, Any] = {"sigstore": {"trustedRoot": {"inline": json.dumps(own().trusted_root())}}}
    private["require"] = {"transparencyLog": False, "sct": False, "signedTimestamp": True}
    github = objects.document("TrustRoot", "github", private)
    (keys,) = (written(block.text, "believed") for block in marked("believed", PAGE.name))
    files = (ROOT / "charts/navicert/catalogue" / f"{name}.yaml" for name in CATALOGUE)
    return (sigstore, github, *keys, *(one for path in files for one in written(path.read_text(), path.name)))


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kitchen]:
    with ControlPlane(tmp_path_factory.mktemp("controlplane")) as plane:
        client = plane.client()
        install_kinds(client)

        def applied(document: Object) -> Object:
            path = f"{API}/{KINDS[document['kind']].plural}/{document['metadata']['name']}"
            status, body = client.apply(path, document)
            assert status == HTTPStatus.CREATED, body
            returned: Object = body
            return returned

        believed = tuple(map(applied, everything_believed()))
        yield Kitchen(
            believed=believed,
            recipes={name: tuple(map(applied, written(text, name))) for name, text in RECIPES.items()},
        )


def decided(kitchen: Kitchen, recipe: str, image: Image) -> Verdict:
    review = reviews.review(reviews.pod(reviews.container(str(image))))
    workload = parse_workload(parse_review(reviews.encoded(review)))

    async def decision() -> Verdict:
        deadline = asyncio.get_running_loop().time() + 10
        circumstances = Circumstances(now=datetime.now(UTC), deadline=deadline, uncovered=Uncovered.ALLOW)
        gather = attached(*image.evidence(Making()))
        return await decide(workload, snapshot=kitchen.snapshot(recipe), gather=gather, circumstances=circumstances)

    return asyncio.run(decision())


def test_every_recipe_is_tried_and_listed_with_its_reason() -> None:
    assert list(RECIPES) == list(PAIRS)
    rows = re.findall(r"^\| \[[^\]]+\]\(#([\w-]+)\) \|[^|]+\| `(\w+)` \|$", PAGE.read_text(), re.MULTILINE)
    headings = re.findall(r"^## (.+)\n(?:(?!^## ).*\n)*?<!-- recipe", PAGE.read_text(), re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
    assert rows == list(zip(anchors, (pair.reason.name for pair in PAIRS.values()), strict=True))


@pytest.mark.apiserver
@pytest.mark.parametrize("recipe", RECIPES)
def test_nothing_in_a_recipe_is_broken_or_gets_advice(kitchen: Kitchen, recipe: str) -> None:
    assert kitchen.snapshot(recipe).problems == {}
    advice = {problem.path for one in written(RECIPES[recipe], recipe) for problem in lint(one)}
    assert advice == ADVICE.get(recipe, set())


@pytest.mark.apiserver
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_good_image_is_admitted(kitchen: Kitchen, recipe: str) -> None:
    verdict = decided(kitchen, recipe, PAIRS[recipe].good)
    uncovered = {Reason.Satisfied, Reason.Uncovered}
    expected = {"incident": uncovered, "audit": uncovered, "exception": {Reason.Excepted}}
    assert verdict.allowed, verdict.findings
    assert {one.reason for one in verdict.findings} == expected.get(recipe, {Reason.Satisfied}), verdict.findings


@pytest.mark.apiserver
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_bad_image_is_refused_for_the_reason_that_is_told(kitchen: Kitchen, recipe: str) -> None:
    verdict = decided(kitchen, recipe, PAIRS[recipe].bad)
    pair = PAIRS[recipe]
    assert (verdict.allowed, verdict.code) == ((True, 200) if pair.told else (False, 403)), verdict.findings
    assert pair.reason in {one.reason for one in verdict.findings if one.refuses or pair.told}, verdict.findings


@pytest.mark.apiserver
@pytest.mark.parametrize(
    "recipe", [name for name in RECIPES if name not in {"incident", "exception", "any-provenance", "audit"}]
)
def test_what_makes_the_image_good_is_what_is_attached_to_it(kitchen: Kitchen, recipe: str) -> None:
    good = PAIRS[recipe].good
    assert not decided(kitchen, recipe, Image(repository=good.repository)).allowed
