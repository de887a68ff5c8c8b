"""What is listed, what of it is worth fetching, and in which order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.image import Digest
from controller.core.predicates import PROVENANCE_V1, SIMPLE_SIGNING
from controller.registry.discovery import MAX_FETCHED, Layer, Referrer, layers_of, select
from controller.wire.candidate import Container
from controller.wire.oci import OCI_MANIFEST, Descriptor, Manifest

START = datetime(2026, 1, 1, tzinfo=UTC)
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"
WANTED = frozenset({PROVENANCE_V1})


def referrer(number: int, *, days: int = 0, announced: str | None = None) -> Referrer:
    digest = Digest.of(str(number).encode())
    descriptor = Descriptor(media_type=OCI_MANIFEST, digest=digest, size=10)
    return Referrer(descriptor=descriptor, predicate_type=announced, created=START + timedelta(days=days))


def manifest(*media_types: str, announced: str | None = None) -> Manifest:
    layers = tuple(Descriptor(media_type=kind, digest=Digest.of(kind.encode()), size=1) for kind in media_types)
    annotations = {"dev.sigstore.bundle.predicateType": announced} if announced else {}
    return Manifest(media_type=OCI_MANIFEST, layers=layers, annotations=annotations)


@pytest.mark.case("SET-007")
def test_beyond_the_bound_the_newest_are_chosen_and_the_rest_is_told() -> None:
    selection = select([referrer(number, days=number) for number in range(MAX_FETCHED + 1)], WANTED)
    assert not selection.complete
    assert selection.chosen[0] == referrer(MAX_FETCHED, days=MAX_FETCHED)
    assert referrer(0) not in selection.chosen
    assert len(selection.chosen) == MAX_FETCHED


@pytest.mark.case("SET-007")
def test_at_the_bound_everything_is_chosen() -> None:
    selection = select([referrer(number) for number in range(MAX_FETCHED)], WANTED)
    assert selection.complete
    assert len(selection.chosen) == MAX_FETCHED


@pytest.mark.case("SET-016")
def test_what_announces_an_unwanted_type_is_left_out_and_does_not_count() -> None:
    unwanted = [referrer(number, days=9, announced=VULN) for number in range(1000)]
    asked = [referrer(2000, announced=PROVENANCE_V1), referrer(3000)]
    selection = select([*unwanted, *asked], WANTED)
    assert [entry for entry in asked if entry in selection.chosen] == asked
    assert len(selection.chosen) == len(asked)
    assert selection.complete


def test_a_second_listing_that_lies_about_the_type_hides_nothing() -> None:
    selection = select([referrer(1, days=5, announced=VULN), referrer(1, announced=PROVENANCE_V1)], WANTED)
    assert [entry.descriptor.digest for entry in selection.chosen] == [referrer(1).descriptor.digest]


@pytest.mark.case("SET-005")
@given(st.permutations(range(8)))
def test_the_order_of_the_list_does_not_matter(order: list[int]) -> None:
    entries = [referrer(number, days=number % 3) for number in order]
    assert select(entries, WANTED) == select(sorted(entries, key=lambda entry: entry.descriptor.digest), WANTED)


@pytest.mark.parametrize(
    ("media_type", "container"),
    [
        ("application/vnd.dev.sigstore.bundle.v0.3+json", Container.BUNDLE),
        ("application/vnd.dev.sigstore.bundle+json;version=0.2", Container.BUNDLE),
        ("application/vnd.dev.sigstore.bundle+json", Container.BUNDLE),
        ("application/vnd.dsse.envelope.v1+json", Container.ENVELOPE),
        (SIMPLE_SIGNING, Container.SIMPLE_SIGNING),
        ("application/vnd.in-toto+json", Container.STATEMENT),
    ],
)
@pytest.mark.case("REG-004")
def test_a_layer_is_told_by_its_media_type(media_type: str, container: Container) -> None:
    assert [layer.container for layer in layers_of(manifest(media_type))] == [container]


@pytest.mark.case("PARSE-008")
@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.dev.sigstore.bundle.v0.3+json+gzip",
        "application/vnd.dev.sigstore.bundle.v0.3+json+zstd",
        "application/vnd.in-toto+json+gzip",
        "text/plain",
        "",
    ],
)
def test_other_layers_are_no_candidates(media_type: str) -> None:
    assert not list(layers_of(manifest(media_type)))


def test_a_manifests_annotation_is_its_bundles_announced_type_and_no_envelopes() -> None:
    bundle, envelope = "application/vnd.dev.sigstore.bundle.v0.3+json", "application/vnd.dsse.envelope.v1+json"
    found = {layer.container: layer.predicate_type for layer in layers_of(manifest(bundle, envelope, announced=VULN))}
    assert found == {Container.BUNDLE: VULN, Container.ENVELOPE: None}


def test_buildkit_announces_the_type_of_a_statement_beside_it() -> None:
    annotations = {"in-toto.io/predicate-type": VULN}
    descriptor = Descriptor(
        media_type="application/vnd.in-toto+json", digest=Digest.of(b""), size=0, annotations=annotations
    )
    (layer,) = layers_of(Manifest(media_type=OCI_MANIFEST, layers=(descriptor,), annotations={}))
    assert layer.predicate_type == VULN


def test_several_signatures_of_one_payload_are_several_candidates() -> None:
    descriptors = [
        Descriptor(media_type=SIMPLE_SIGNING, digest=Digest.of(b"payload"), size=7, annotations={"signature": text})
        for text in ("one", "two")
    ]
    layers = [
        Layer(container=Container.SIMPLE_SIGNING, descriptor=descriptor, predicate_type=SIMPLE_SIGNING)
        for descriptor in descriptors
    ]
    assert len(select(layers, frozenset({SIMPLE_SIGNING})).chosen) == 2
