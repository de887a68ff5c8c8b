"""What a payload says about a subject, read from exactly the bytes that were verified, and after they were."""

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.evidence import Kind
from controller.core.image import Digest, Repository
from controller.core.predicates import SIMPLE_SIGNING
from controller.core.provenance import Provenance
from controller.core.records import SBOM, Summary
from controller.core.text import printable
from controller.trust.opening import Refusal
from controller.wire.candidate import Container
from controller.wire.predicate import read_predicate
from controller.wire.signature import parse_simple_signing
from controller.wire.signed import SignedContent
from controller.wire.statement import Statement, is_statement_type, read_statement

_UNSIGNED = frozenset({Kind.PROVENANCE, Kind.SBOM})  # the forms in which BuildKit's own statements mean something


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """What a payload says. A source summary is about `commits`, everything else about the subject it was read for.

    `predicate` is the predicate's JSON as signed, empty when there is none.
    """

    kind: Kind
    predicate_type: str
    record: Provenance | Summary | SBOM | None = None
    repository: Repository | None = None
    commits: frozenset[str] = frozenset()
    predicate: bytes = b""


def read_signed(content: SignedContent, subject: Digest) -> Assertion:
    """What this verified content says about `subject`. Raises MalformedAttestation, and Refusal with the kind."""
    if content.container is Container.SIMPLE_SIGNING:
        return _simple_signing(content.payload, subject)
    if not is_statement_type(content.payload_type):
        kind = Kind.IMAGE_SIGNATURE if content.payload_type == SIMPLE_SIGNING else None
        raise Refusal(f"payload type {printable(content.payload_type, limit=80)!r} is no statement", kind=kind)
    return _assertion(read_statement(content.payload), subject, signed=True)


def read_unsigned(payload: bytes, subject: Digest) -> Assertion:
    """What a statement that nobody signed says about `subject`: provenance or SBOM in form, and nothing else.

    Raises as `read_signed` does.
    """
    statement = read_statement(payload)
    if statement.kind not in _UNSIGNED:
        raise Refusal("nobody signed it", kind=statement.kind)
    return _assertion(statement, subject, signed=False)


def _simple_signing(payload: bytes, subject: Digest) -> Assertion:
    """cosign SIGNATURE_SPEC.md: type and manifest digest are critical; who it names is for policies to compare."""
    signing = parse_simple_signing(payload)
    if not signing.is_image_signature:
        shown = printable(signing.critical_type, limit=60)
        raise Refusal(f"a simple-signing payload of type {shown!r} is no image signature", kind=Kind.OTHER)
    if not signing.is_about(subject):
        raise Refusal("signed, but for another digest", kind=Kind.IMAGE_SIGNATURE, step=1)
    return Assertion(kind=Kind.IMAGE_SIGNATURE, predicate_type=SIMPLE_SIGNING, repository=signing.repository)


def _assertion(statement: Statement, subject: Digest, *, signed: bool) -> Assertion:
    kind = statement.kind
    of_source = kind is Kind.SOURCE_SUMMARY
    if not of_source and not statement.is_about(subject):
        detail = "verified, but about another digest" if signed else "about another digest"
        raise Refusal(detail, kind=kind, step=1)
    try:
        record = read_predicate(statement, signed=signed)
    except MalformedAttestation as error:
        raise Refusal(str(error), kind=kind) from error
    return Assertion(
        kind=kind,
        predicate_type=statement.predicate_type,
        record=record,
        commits=statement.commits if of_source else frozenset(),
        predicate=statement.predicate,
    )
