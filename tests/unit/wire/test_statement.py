"""In-toto statements."""

import pytest

from controller.core.errors import MalformedAttestation
from controller.core.image import Digest
from controller.wire.statement import MAX_DIGESTS, MAX_SUBJECTS, is_statement_type, read_statement
from tests.support.foundry import encode, statement

SUBJECT = Digest.of(b"image")


@pytest.mark.parametrize(
    ("payload_type", "expected"),
    [
        ("application/vnd.in-toto+json", True),
        pytest.param("application/vnd.in-toto.provenance+json", True, marks=pytest.mark.case("TYPE-004")),
        pytest.param("application/json", False, marks=pytest.mark.case("TYPE-003")),
        ("application/vnd.in-toto", False),
        ("application/vnd.in-toto.+json", False),
        ("application/vnd.in-totoX+json", False),
        ("Application/vnd.in-toto+json", False),
        ("application/vnd.in-toto+json\n", False),
        ("application/vnd.in-toto.a b+json", False),
        ("application/vnd.in-toto+json; charset=utf-8", False),
        ("", False),
    ],
)
def test_which_payload_types_hold_a_statement(payload_type: str, expected: bool) -> None:  # noqa: FBT001
    assert is_statement_type(payload_type) is expected


def test_a_statement_is_read_and_its_predicate_kept_as_it_was_signed() -> None:
    subject = b'"subject":[{"digest":{"sha256":"00"}}]'
    payload = (
        b'{"_type":"https://in-toto.io/Statement/v1","predicateType":"t","predicate":{ "a" : 1.50 },' + subject + b"}"
    )
    found = read_statement(payload)
    assert (found.predicate_type, found.predicate, found.sha256) == ("t", b'{ "a" : 1.50 }', frozenset({"00"}))


def test_a_statement_is_about_its_subjects_only() -> None:
    found = read_statement(encode(statement(SUBJECT, Digest.of(b"second"))))
    assert found.is_about(SUBJECT)
    assert found.is_about(Digest.of(b"second"))
    assert not found.is_about(Digest.of(b"third"))


@pytest.mark.parametrize(
    "digest", [{"sha-256": SUBJECT.hex}, {"SHA256": SUBJECT.hex}, {"sha256": str(SUBJECT)}, {}, None]
)
def test_digests_in_any_other_way_do_not_match(digest: object) -> None:
    assert not read_statement(encode(statement({"digest": digest}))).is_about(SUBJECT)


@pytest.mark.case("BIND-005")
@pytest.mark.parametrize("subject", [None, [], {}, "x", [None], ["x"], [{"digest": []}], [{"digest": {"sha256": 5}}]])
def test_subjects_of_another_shape_are_malformed(subject: object) -> None:
    with pytest.raises(MalformedAttestation):
        read_statement(encode({**statement(SUBJECT), "subject": subject}))


@pytest.mark.case("TYPE-011")
@pytest.mark.parametrize("kind", ["", None, "https://in-toto.io/Statement/v2", "https://in-toto.io/statement/v1", 1])
def test_unknown_types_are_malformed(kind: object) -> None:
    with pytest.raises(MalformedAttestation):
        read_statement(encode({**statement(SUBJECT), "_type": kind}))


@pytest.mark.case("PARSE-007")
def test_subjects_and_digests_are_bounded() -> None:
    subjects = [{"digest": {"sha256": "0"}}] * (MAX_SUBJECTS + 1)
    digests = {str(n): "0" for n in range(MAX_DIGESTS + 1)}
    for found in (subjects, [{"digest": digests}]):
        with pytest.raises(MalformedAttestation):
            read_statement(encode({**statement(SUBJECT), "subject": found}))
    assert read_statement(encode({**statement(SUBJECT), "subject": subjects[1:]})).sha256 == {"0"}


@pytest.mark.case("TYPE-017")
@pytest.mark.case("BIND-007")
def test_unknown_members_are_ignored_and_names_not_needed() -> None:
    subject = {"digest": {"sha256": SUBJECT.hex}, "uri": "x", "annotations": {"a": 1}}
    assert read_statement(encode({**statement(subject), "more": [1]})).is_about(SUBJECT)
