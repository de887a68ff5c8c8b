"""Gathering an index: which children may run, what is known of each, and what is not known."""

from __future__ import annotations

from concurrent.futures import Executor

import pytest

from controller.core.errors import RegistryUnavailable
from controller.core.evidence import Evidence
from controller.core.image import Digest
from controller.core.reasons import Reason
from controller.engine.evidence import Gatherer
from tests.support.foundry import Foundry
from tests.support.shelf import INDEX_TYPE, Json, Shelf
from tests.support.shelves import AMD64, ARM64, REPOSITORY, UNKNOWN, Family, Shelves, reasons, request_of


class Scene:
    """A repository with an index, and gathering it."""

    def __init__(self, foundry: Foundry, executor: Executor) -> None:
        self.shelf = Shelf()
        self.family = Family(foundry, self.shelf)
        self.reader = Shelves(self.shelf)
        self._roots = foundry.roots
        self._gatherer = Gatherer(registry=self.reader, executor=executor)

    async def gather(self, *, children: bool = True, tag: str | None = None) -> Evidence:
        digest = None if tag else self.shelf.subject
        return await self._gatherer(request_of(self._roots, digest=digest, tag=tag, children=children))


@pytest.fixture
def scene(foundry: Foundry, executor: Executor) -> Scene:
    return Scene(foundry, executor)


@pytest.mark.case("IDX-013")
async def test_children_are_named_and_not_read_unless_they_are_asked_for(scene: Scene) -> None:
    amd64, arm64 = scene.family.child(AMD64), scene.family.child(ARM64)
    scene.family.attest(scene.family.push())
    evidence = await scene.gather(children=False)
    assert len(evidence.statements) == 1
    assert (evidence.unread, evidence.children, evidence.gaps) == ((amd64, arm64), (), ())
    assert not any(str(amd64) in path or amd64.hex in path for path in scene.reader.asked)


@pytest.mark.case("IDX-002")
@pytest.mark.case("IDX-003")
@pytest.mark.parametrize("tag", [None, "v1"])
async def test_each_child_has_evidence_of_its_own_and_its_platform(scene: Scene, tag: str | None) -> None:
    amd64, arm64 = scene.family.child(AMD64), scene.family.child(ARM64)
    scene.family.attest(amd64)
    index = scene.family.push()
    evidence = await scene.gather(tag=tag)
    assert evidence.digest == index
    assert not evidence.statements
    found = {child.digest: (len(child.statements), child.platform) for child in evidence.children}
    assert found == {amd64: (1, "linux/amd64"), arm64: (0, "linux/arm64/v8")}
    assert (evidence.unread, reasons(evidence)) == ((), [])


@pytest.mark.case("IDX-005")
@pytest.mark.case("IDX-015")
async def test_what_the_index_lists_about_a_child_is_evidence_about_it_and_no_child(scene: Scene) -> None:
    amd64 = scene.family.child(AMD64)
    attestation = scene.family.attest_in_index(amd64)
    scene.family.push()
    evidence = await scene.gather()
    (child,) = evidence.children
    assert child.digest == amd64
    assert [(statement.subject, statement.signer) for statement in child.statements] == [(amd64, None)]
    assert not evidence.statements
    assert scene.reader.asked[f"{REPOSITORY}/manifests/{attestation}"] == 1


@pytest.mark.case("IDX-004")
@pytest.mark.parametrize("platform", [AMD64, {"os": "unknown", "architecture": "amd64"}, {}, {"os": 1}, None])
async def test_a_label_alone_hides_no_child(scene: Scene, platform: Json | None) -> None:
    about = {"vnd.docker.reference.type": "attestation-manifest"}
    labelled = scene.family.child(platform, annotations=about)
    scene.family.push()
    assert (await scene.gather(children=False)).unread == (labelled,)


async def test_an_unknown_platform_alone_hides_no_child(scene: Scene) -> None:
    child = scene.family.child(UNKNOWN)
    scene.family.push()
    assert (await scene.gather(children=False)).unread == (child,)


@pytest.mark.case("IDX-009")
async def test_an_index_with_nothing_to_run_has_no_children(scene: Scene) -> None:
    scene.family.attest_in_index(Digest.of(b"nobody"))
    scene.family.push()
    evidence = await scene.gather()
    assert (evidence.children, evidence.unread, evidence.statements) == ((), (), ())


@pytest.mark.case("IDX-014")
@pytest.mark.parametrize(("count", "known"), [(32, True), (33, False)])
async def test_more_than_32_children_are_a_gap_where_they_matter(scene: Scene, count: int, *, known: bool) -> None:
    children = [scene.family.child(AMD64) for _ in range(count)]
    scene.family.push()
    unasked = await scene.gather(children=False)
    assert not unasked.gaps
    assert (unasked.unlisted is None) is known
    evidence = await scene.gather()
    assert len(evidence.children) == (count if known else 0)
    assert reasons(evidence) == ([] if known else [Reason.LimitExceeded])
    assert bool(evidence.unread) is not known
    assert any(str(child) in path for path in scene.reader.asked for child in children) is known


async def test_an_index_that_can_not_be_read_whole_does_not_tell_its_children(scene: Scene) -> None:
    scene.family.child(AMD64)
    scene.family.push({"mediaType": INDEX_TYPE, "digest": "sha512:" + "0" * 128, "size": 1})
    unasked = await scene.gather(children=False)
    assert not unasked.gaps
    evidence = await scene.gather()
    assert (evidence.children, reasons(evidence)) == ((), [Reason.MalformedManifest])
    assert (unasked.unlisted,) == evidence.gaps == (evidence.unlisted,)


async def test_an_index_that_is_not_read_tells_nothing_of_what_it_lists(scene: Scene) -> None:
    index = scene.family.push()
    scene.reader.failing[f"manifests/{index}"] = RegistryUnavailable("HTTP 500")
    evidence = await scene.gather()
    assert (evidence.unlisted,) == evidence.gaps


def nested(scene: Scene, depth: int) -> Digest:
    """An index with an index in it, and so on; the innermost has one attested child, which is returned."""
    family = Family(scene.family.foundry, scene.shelf)
    child = family.child(AMD64)
    family.attest(child)
    for _ in range(depth - 1):
        inner = family.push()
        outer = Family(scene.family.foundry, scene.shelf)
        outer.entries = [{**scene.shelf.image, "digest": str(inner)}]
        family = outer
    scene.family = family
    family.push()
    return child


@pytest.mark.case("IDX-008")
async def test_the_children_of_an_index_in_the_index_stand_for_it(scene: Scene) -> None:
    child = nested(scene, 2)
    evidence = await scene.gather()
    (found,) = evidence.children
    assert (found.digest, len(found.statements), found.gaps) == (child, 1, ())
    inner = (await scene.gather(children=False)).unread
    assert set(evidence.digests) == {evidence.digest, child, *inner}


@pytest.mark.case("IDX-008")
async def test_indexes_nested_deeper_than_two_are_a_gap(scene: Scene) -> None:
    nested(scene, 3)
    (found,) = (await scene.gather()).children
    assert (found.statements, reasons(found)) == ((), [Reason.LimitExceeded])


@pytest.mark.case("IDX-008")
async def test_the_bound_on_children_counts_those_of_all_indexes_in_the_index(scene: Scene) -> None:
    outer = Family(scene.family.foundry, scene.shelf)
    for branch in range(2):
        inner = Family(scene.family.foundry, scene.shelf)
        for number in range(17):
            inner.child(AMD64, number=100 * branch + number)
        inner.push()
        outer.entries.append(scene.shelf.image)
    outer.push()
    evidence = await scene.gather()
    assert (evidence.children, reasons(evidence)) == ((), [Reason.LimitExceeded])


async def test_a_child_that_is_not_there_is_not_found_and_one_unknown_is_a_gap(scene: Scene) -> None:
    absent, unknown = scene.family.child(AMD64), scene.family.child(ARM64)
    scene.family.push()
    del scene.shelf.pages[f"manifests/{absent}"]
    scene.reader.failing[f"manifests/{unknown}"] = RegistryUnavailable("HTTP 500")
    children = {child.digest: child for child in (await scene.gather()).children}
    assert not children[absent].found
    assert reasons(children[unknown]) == [Reason.RegistryUnavailable]
