"""Gathering over a repository in memory: what counts, what is a gap, and what is never fetched."""

import asyncio
from concurrent.futures import Executor
from datetime import UTC, datetime

import pytest

from controller.core.errors import LimitExceeded, NavicertError, RegistryDenied, RegistryUnavailable
from controller.core.evidence import Evidence, Kind
from controller.core.image import Digest, ImageReference, Repository
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE, PROVENANCE_V1
from controller.core.reasons import Reason
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest
from controller.trust.root import TrustRoots
from tests.support.bundles import make, order
from tests.support.forms import FORMS
from tests.support.foundry import BUNDLE_V03, Foundry, Layer
from tests.support.instance import INTEGRATED
from tests.support.rooting import roots_for
from tests.support.shelf import CREATED, PREDICATE, Json, Shelf, ShelfReader
from tests.support.shelves import reasons

REPOSITORY = Repository.parse("ghcr.io/acme/shop")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"


class Scene:
    """A repository, its reader, and one image to gather."""

    def __init__(self, foundry: Foundry, executor: Executor) -> None:
        self.foundry = foundry
        self.shelf = Shelf()
        self.reader = ShelfReader(self.shelf, REPOSITORY)
        self._executor = executor

    def provenance(self) -> Layer:
        return self.foundry.bundle_layer(self.foundry.provenance(self.shelf.subject))

    def junk(self, number: int, **annotations: str) -> Json:
        return self.shelf.put_bundle(Layer(media_type=BUNDLE_V03, content=b"junk %d" % number), **annotations)

    async def gather(
        self,
        *,
        tag: str | None = None,
        roots: TrustRoots | None = None,
        wanted: frozenset[str] = PROVENANCE | IMAGE_SIGNATURE,
        seconds: float = 30,
    ) -> Evidence:
        digest = None if tag else self.shelf.subject
        request = GatherRequest(
            reference=ImageReference(repository=REPOSITORY, tag=tag, digest=digest),
            wanted=wanted,
            roots=roots or self.foundry.roots,
            now=NOW,
            deadline=asyncio.get_running_loop().time() + seconds,
        )
        return await Gatherer(registry=self.reader, executor=self._executor)(request)


@pytest.fixture
def scene(foundry: Foundry, executor: Executor) -> Scene:
    return Scene(foundry, executor)


async def test_every_place_is_read_and_everything_found_is_joined(scene: Scene) -> None:
    foundry, subject = scene.foundry, scene.shelf.subject
    scene.shelf.list_referrers(scene.shelf.put_bundle(scene.provenance()))
    signature = foundry.bundle_layer(foundry.image_signature(subject))
    scene.shelf.list_fallback(scene.shelf.put_bundle(signature))
    scene.shelf.put_tagged(".att", foundry.envelope_layer(foundry.provenance(subject, ref="refs/heads/main")))
    scene.shelf.put_tagged(".sig", foundry.signature_layer(foundry.simple_signing(subject)))
    evidence = await scene.gather()
    found = [statement.kind for statement in evidence.statements]
    assert (found.count(Kind.PROVENANCE), found.count(Kind.IMAGE_SIGNATURE)) == (2, 2)
    assert not evidence.gaps


@pytest.mark.case("SIGN-001")
async def test_a_statement_that_nobody_signed_is_found_as_a_referrer(scene: Scene) -> None:
    payload = scene.foundry.provenance(scene.shelf.subject)
    annotations = {"in-toto.io/predicate-type": PROVENANCE_V1}
    layer = scene.shelf.put_blob(payload, "application/vnd.in-toto+json") | {"annotations": annotations}
    scene.shelf.list_referrers(scene.shelf.put_manifest(scene.shelf.manifest_of([layer])))
    (found,) = (await scene.gather()).statements
    assert (found.kind, found.signer) == (Kind.PROVENANCE, None)


async def test_what_stands_beside_a_layer_reaches_its_judgement(scene: Scene) -> None:
    signed = order(FORMS[".att dsse"], scene.foundry.provenance(scene.shelf.subject))
    scene.shelf.put_tagged(".att", make(signed))
    evidence = await scene.gather(roots=roots_for(signed))
    assert [statement.times for statement in evidence.statements] == [(INTEGRATED,)]


@pytest.mark.parametrize("repository", ["evil.example/x", "a.b:\u00b2/x", "\u0663"])
async def test_a_signature_that_names_nonsense_spoils_nothing_beside_it(scene: Scene, repository: str) -> None:
    scene.shelf.list_referrers(scene.shelf.put_bundle(scene.provenance()))
    payload = scene.foundry.simple_signing(scene.shelf.subject, repository=repository)
    scene.shelf.put_tagged(".sig", scene.foundry.signature_layer(payload))
    evidence = await scene.gather()
    assert {statement.kind for statement in evidence.statements} == {Kind.PROVENANCE, Kind.IMAGE_SIGNATURE}
    assert not evidence.gaps


async def test_what_two_places_list_is_fetched_once(scene: Scene) -> None:
    entry = scene.shelf.put_bundle(scene.provenance())
    scene.shelf.list_referrers(entry)
    scene.shelf.list_fallback(entry)
    assert len((await scene.gather()).statements) == 1
    assert len(scene.reader.asked) == len(set(scene.reader.asked))


@pytest.mark.case("REG-003")
async def test_a_list_of_everything_that_refers_to_the_image_is_as_good_as_one_that_is_filtered(scene: Scene) -> None:
    strangers = []
    for kind in ("application/vnd.acme.helm.chart", "application/vnd.acme.report+json", "text/html"):
        layer = scene.shelf.put_blob(kind.encode(), kind)
        manifest = scene.shelf.manifest_of([layer], artifactType=kind, subject=scene.shelf.image)
        strangers.append(scene.shelf.put_manifest(manifest) | {"artifactType": kind})
    scene.shelf.list_referrers(*strangers, scene.shelf.put_bundle(scene.provenance()))
    evidence = await scene.gather()
    assert [one.kind for one in evidence.statements] == [Kind.PROVENANCE]
    assert (evidence.refused, evidence.gaps) == ((), ())
    asked = {f"blobs/{Digest.of(kind['artifactType'].encode())}" for kind in strangers}
    assert asked.isdisjoint(scene.reader.asked)


@pytest.mark.case("BIND-013")
@pytest.mark.case("BIND-015")
async def test_a_tag_is_resolved_once_and_its_bytes_decide(scene: Scene) -> None:
    scene.shelf.list_referrers(scene.shelf.put_bundle(scene.provenance()))
    evidence = await scene.gather(tag="v1")
    assert evidence.digest == scene.shelf.subject
    assert len(evidence.statements) == 1
    assert scene.reader.asked.count("manifests/v1") == 1
    assert f"manifests/{scene.shelf.subject}" not in scene.reader.asked


@pytest.mark.case("IDX-006")
@pytest.mark.case("IDX-007")
@pytest.mark.case("IDX-012")
@pytest.mark.parametrize("change", [{"manifests": []}, {"mediaType": "text/plain"}, {"schemaVersion": 1}])
async def test_nothing_is_told_of_an_image_whose_manifest_makes_no_sense(scene: Scene, change: Json) -> None:
    broken = scene.shelf.manifest_of([]) | change
    content = scene.shelf.put_manifest(broken | {"mediaType": broken["mediaType"]})
    scene.shelf.image, scene.shelf.subject = content, Digest.parse(content["digest"])
    page = scene.shelf.pages[f"manifests/{content['digest']}"]
    oci = "application/vnd.oci.image.manifest.v1+json"
    scene.shelf.pages[f"manifests/{content['digest']}"] = type(page)(content=page.content, content_type=oci)
    scene.shelf.list_referrers(scene.shelf.put_bundle(scene.provenance()))
    evidence = await scene.gather()
    assert not evidence.statements
    assert reasons(evidence) == [Reason.MalformedManifest]


@pytest.mark.case("BIND-014")
async def test_nothing_is_told_of_an_image_that_is_another_than_asked_for(scene: Scene) -> None:
    scene.shelf.list_referrers(scene.shelf.put_bundle(scene.provenance()))
    page = scene.shelf.pages[f"manifests/{scene.shelf.subject}"]
    other = type(page)(content=page.content + b" ", content_type=page.content_type)
    scene.shelf.pages[f"manifests/{scene.shelf.subject}"] = other
    evidence = await scene.gather()
    assert not evidence.statements
    assert reasons(evidence) == [Reason.MalformedManifest]


@pytest.mark.case("REG-008")
@pytest.mark.parametrize("tag", [None, "v1"])
async def test_an_image_that_is_not_there_is_not_found_though_things_refer_to_it(scene: Scene, tag: str | None) -> None:
    scene.shelf.list_referrers(scene.shelf.put_bundle(scene.provenance()))
    del scene.shelf.pages[f"manifests/{tag or scene.shelf.subject}"]
    assert await scene.gather(tag=tag) == Evidence(digest=None, found=False)


@pytest.mark.case("SET-011")
@pytest.mark.case("SET-012")
@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RegistryUnavailable("HTTP 500"), Reason.RegistryUnavailable),
        (RegistryDenied("HTTP 403"), Reason.RegistryDenied),
        (LimitExceeded("too large"), Reason.LimitExceeded),
    ],
)
async def test_an_unavailable_candidate_is_a_gap_and_takes_nothing_from_the_rest(
    scene: Scene, error: NavicertError, reason: Reason, *, good: bool
) -> None:
    missing = Layer(media_type=BUNDLE_V03, content=b"unavailable")
    entries = [scene.shelf.put_bundle(missing), scene.junk(1)]
    scene.reader.failing[f"blobs/{Digest.of(missing.content)}"] = error
    if good:
        entries.append(scene.shelf.put_bundle(scene.provenance()))
    scene.shelf.list_referrers(*entries)
    evidence = await scene.gather()
    assert len(evidence.statements) == good
    assert len(evidence.refused) == 1
    assert reasons(evidence) == [reason]


@pytest.mark.case("SET-016")
async def test_what_announces_an_unwanted_type_is_not_fetched(scene: Scene) -> None:
    unwanted = [scene.junk(number, **{PREDICATE: VULN}) for number in range(90)]
    scene.shelf.list_referrers(*unwanted, scene.shelf.put_bundle(scene.provenance(), **{PREDICATE: PROVENANCE_V1}))
    evidence = await scene.gather()
    assert len(evidence.statements) == 1
    assert not evidence.refused
    assert not {f"manifests/{entry['digest']}" for entry in unwanted} & set(scene.reader.asked)


@pytest.mark.case("SET-016")
async def test_a_manifest_that_itself_announces_an_unwanted_type_saves_the_blob(scene: Scene) -> None:
    entry = scene.junk(1, **{PREDICATE: VULN})
    scene.shelf.list_referrers({name: value for name, value in entry.items() if name != "annotations"})
    evidence = await scene.gather()
    assert evidence == Evidence(digest=scene.shelf.subject)
    assert not any(path.startswith("blobs/") for path in scene.reader.asked)


@pytest.mark.case("SET-007")
@pytest.mark.case("SET-017")
@pytest.mark.parametrize("newest", [True, False])
async def test_beyond_the_bound_the_newest_count_and_the_rest_is_a_gap(scene: Scene, *, newest: bool) -> None:
    junk = [scene.junk(number, **{CREATED: "2026-05-01T00:00:00+02:00"}) for number in range(300)]
    created = "2026-05-01T00:00:01Z" if newest else "2026-04-01T00:00:00Z"
    scene.shelf.list_referrers(*junk, scene.shelf.put_bundle(scene.provenance(), **{CREATED: created}))
    evidence = await scene.gather()
    assert len(evidence.statements) == newest
    assert reasons(evidence) == [Reason.LimitExceeded]
    assert sum(path.startswith("blobs/") for path in scene.reader.asked) == 256


@pytest.mark.case("SET-007")
async def test_more_than_1024_listed_candidates_are_a_gap_though_nobody_wants_them(scene: Scene) -> None:
    scene.shelf.list_fallback(*(scene.junk(number, **{PREDICATE: VULN}) for number in range(1025)))
    assert reasons(await scene.gather()) == [Reason.LimitExceeded]


async def test_the_bound_holds_over_all_places_and_all_layers_of_a_manifest(scene: Scene) -> None:
    layers = [scene.shelf.put_layer(Layer(media_type=BUNDLE_V03, content=b"junk %d" % n)) for n in range(300)]
    scene.shelf.list_referrers(scene.shelf.put_manifest(scene.shelf.manifest_of(layers)))
    evidence = await scene.gather()
    assert len(evidence.refused) == 256
    assert reasons(evidence) == [Reason.LimitExceeded]


async def test_the_bytes_of_all_candidates_are_bounded(scene: Scene) -> None:
    entries = []
    for number in range(8):
        described = scene.shelf.put_blob(b"junk %d" % number, BUNDLE_V03) | {"size": 20 * 1024 * 1024}
        entries.append(scene.shelf.put_manifest(scene.shelf.manifest_of([described])))
    scene.shelf.list_referrers(*entries)
    evidence = await scene.gather()
    assert Reason.LimitExceeded in reasons(evidence)
    assert sum(path.startswith("blobs/") for path in scene.reader.asked) == 6


@pytest.mark.parametrize("stalled", ["manifests/sha256-{}.att", "manifests/sha256-{}", "referrers/sha256:{}"])
async def test_what_finished_before_the_deadline_counts(scene: Scene, stalled: str) -> None:
    entry = scene.shelf.put_bundle(scene.provenance())
    scene.shelf.list_referrers(entry)
    scene.shelf.list_fallback(entry)
    scene.reader.stalling.add(stalled.format(scene.shelf.subject.hex))
    tasks = asyncio.all_tasks()
    evidence = await scene.gather(seconds=0.2)
    assert len(evidence.statements) == 1
    assert reasons(evidence) == [Reason.DeadlineExceeded]
    assert asyncio.all_tasks() == tasks


@pytest.mark.parametrize("tag", [None, "v1"])
async def test_an_image_that_was_not_read_by_the_deadline_has_no_statements(scene: Scene, tag: str | None) -> None:
    scene.shelf.list_referrers(scene.shelf.put_bundle(scene.provenance()))
    scene.reader.stalling.add(f"manifests/{tag or scene.shelf.subject}")
    evidence = await scene.gather(tag=tag, seconds=0.1)
    assert not evidence.statements
    assert reasons(evidence) == [Reason.DeadlineExceeded]


async def test_a_deadline_that_has_passed_is_a_gap(scene: Scene) -> None:
    assert reasons(await scene.gather(seconds=-1)) == [Reason.DeadlineExceeded]


async def test_a_review_that_goes_away_takes_its_tasks_with_it(scene: Scene) -> None:
    scene.reader.stalling.add(f"referrers/{scene.shelf.subject}")
    tasks = asyncio.all_tasks()
    gathering = asyncio.create_task(scene.gather())
    await asyncio.sleep(0.05)
    gathering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gathering
    assert asyncio.all_tasks() == tasks


async def test_where_nothing_is_wanted_only_the_image_is_read(scene: Scene) -> None:
    assert await scene.gather(wanted=frozenset()) == Evidence(digest=scene.shelf.subject)
    assert scene.reader.asked == [f"manifests/{scene.shelf.subject}"]
