"""Which predicate is read as what: by the type that was signed, compared as a whole."""

from __future__ import annotations

import pytest

from controller.core.errors import MalformedAttestation
from controller.core.evidence import Kind
from controller.core.image import Digest
from controller.core.predicates import PROVENANCE, kind_of
from controller.core.provenance import Provenance
from controller.wire.predicate import read_predicate
from controller.wire.statement import Statement, read_statement
from tests.support.foundry import encode, provenance_predicate, statement

SUBJECT = Digest.of(b"image")


def made(predicate_type: str, predicate: object = None) -> Statement:
    return read_statement(encode(statement(SUBJECT, predicate_type=predicate_type, predicate=predicate)))


@pytest.mark.parametrize(
    ("predicate_type", "kind"),
    [
        *((predicate_type, Kind.PROVENANCE) for predicate_type in sorted(PROVENANCE)),
        ("https://slsa.dev/verification_summary/v1", Kind.SUMMARY),
        ("https://sigstore.dev/cosign/sign/v1", Kind.IMAGE_SIGNATURE),
        *((f"https://spdx.dev/Document{version}", Kind.SBOM) for version in ("", "/v2.3", "/v3", "/v3.0")),
        *((f"https://cyclonedx.org/bom{version}", Kind.SBOM) for version in ("", "/v1.4", "/v2")),
        ("https://cosign.sigstore.dev/attestation/vuln/v1", Kind.OTHER),
        ("application/vnd.dev.cosign.simplesigning.v1+json", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_a_predicate_type_tells_the_kind(predicate_type: str, kind: Kind) -> None:
    assert kind_of(predicate_type) is kind


@pytest.mark.case("TYPE-012")
@pytest.mark.parametrize(
    "predicate_type",
    [
        *(
            f"{known}{suffix}"
            for known in [*sorted(PROVENANCE), "https://slsa.dev/verification_summary/v1"]
            for suffix in ("/", "?x", "#x", ".0", "\n", " ", "-rc1")
        ),
        *sorted({known[:-1] for known in PROVENANCE}),
        *(known.upper() for known in sorted(PROVENANCE)),
        "HTTPS://slsa.dev/provenance/v1",
        "https://slsa.dev/provenance",
        *(
            f"{base}{suffix}"
            for base in ("https://spdx.dev/Document", "https://cyclonedx.org/bom")
            for suffix in ("/", "/v", "/2.3", "/v2.3.1", "/v2.", "/v2.3/", "/v2x", "s", "/v\N{ARABIC-INDIC DIGIT TWO}")
        ),
        "https://spdx.dev/document",
    ],
)
def test_what_only_begins_or_ends_like_a_known_type_is_another(predicate_type: str) -> None:
    assert kind_of(predicate_type) is Kind.OTHER
    assert read_predicate(made(predicate_type, provenance_predicate())) is None


@pytest.mark.case("TYPE-001")
def test_an_sbom_type_makes_an_sbom_of_what_looks_like_provenance_and_fails() -> None:
    with pytest.raises(MalformedAttestation, match="SBOM"):
        read_predicate(made("https://spdx.dev/Document", provenance_predicate()))


@pytest.mark.case("TYPE-014")
@pytest.mark.case("TYPE-008")
def test_an_image_signature_has_no_record() -> None:
    assert read_predicate(made("https://sigstore.dev/cosign/sign/v1", {})) is None
    assert read_predicate(made("https://sigstore.dev/cosign/sign/v1", provenance_predicate())) is None


@pytest.mark.case("TYPE-010")
def test_a_statement_of_v01_may_carry_provenance_of_v1() -> None:
    document = statement(
        SUBJECT,
        predicate_type="https://slsa.dev/provenance/v1",
        predicate=provenance_predicate(),
        statement_type="https://in-toto.io/Statement/v0.1",
    )
    assert isinstance(read_predicate(read_statement(encode(document))), Provenance)


def test_provenance_that_nobody_signed_may_name_no_builder() -> None:
    document = provenance_predicate(builder_id="")
    found = made("https://slsa.dev/provenance/v1", document)
    assert isinstance(read_predicate(found, signed=False), Provenance)
    with pytest.raises(MalformedAttestation):
        read_predicate(found)


@pytest.mark.case("SRC-038")
@pytest.mark.parametrize(
    ("digests", "kind"),
    [
        ([{"gitCommit": "5f" * 20}], Kind.SOURCE_SUMMARY),
        ([{"gitCommit": "5f" * 32, "gitTree": "00"}], Kind.SOURCE_SUMMARY),
        ([{"gitCommit": "5f" * 20, "sha256": "0" * 64}], Kind.SUMMARY),
        ([{"gitCommit": "5f" * 20}, {"sha256": "0" * 64}], Kind.SUMMARY),
        ([{"gitCommit": "5F" * 20}], Kind.SUMMARY),
        ([{"gitCommit": "5f" * 21}], Kind.SUMMARY),
        ([{"sha1": "5f" * 20}], Kind.SUMMARY),
    ],
)
def test_a_summary_about_commits_alone_is_a_source_summary(digests: list[dict[str, str]], kind: Kind) -> None:
    subjects = [{"digest": digest} for digest in digests]
    document = statement(*subjects, predicate_type="https://slsa.dev/verification_summary/v1", predicate={})
    found = read_statement(encode(document))
    assert found.kind is kind
    if kind is Kind.SOURCE_SUMMARY:
        assert found.commits == {digests[0]["gitCommit"]}


def test_commits_make_nothing_else_of_other_statements() -> None:
    document = statement({"digest": {"gitCommit": "5f" * 20}}, predicate_type="https://slsa.dev/provenance/v1")
    assert read_statement(encode(document)).kind is Kind.PROVENANCE
