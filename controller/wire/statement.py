"""In-toto statements (github.com/in-toto/attestation, spec/v1/statement.md): a predicate about subjects."""

import hashlib
import re
from typing import Annotated

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.evidence import Kind
from controller.core.image import Digest
from controller.core.predicates import kind_of
from controller.core.text import printable
from controller.wire.strictjson import parse_part, parse_strict

STATEMENT_TYPES = frozenset({"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"})
MAX_SUBJECTS = 1024
MAX_DIGESTS = 32  # of one subject

_USUAL_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_PAYLOAD_TYPE = re.compile(r"application/vnd\.in-toto(?:\.[A-Za-z0-9!#$&^_.+-]{1,100})?\+json")
_LONGER = ("sha384", "sha512")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # SLSA v1.2, source track: the revision id under gitCommit

_DigestSet = Annotated[dict[str, str], msgspec.Meta(max_length=MAX_DIGESTS)]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement says: `predicate` is the JSON text of its predicate as signed, empty when there is none.

    `sha256` are the subjects' SHA-256 digests as written, `commits` their git commits; names are no identity and are
    not kept. `longer` are algorithm and digest of the subjects that have no SHA-256 and can be told by SHA-384 or
    SHA-512 (in-toto attestation spec v1, digest_set.md): files, npm's for one, and never images.
    """

    predicate_type: str
    predicate: bytes
    sha256: frozenset[str]
    longer: frozenset[tuple[str, str]] = frozenset()
    commits: frozenset[str] = frozenset()

    @property
    def kind(self) -> Kind:
        """What the signed type makes of it. A summary about commits and no image is a source summary (SRC-038)."""
        kind = kind_of(self.predicate_type)
        about_source = kind is Kind.SUMMARY and bool(self.commits) and not self.sha256
        return Kind.SOURCE_SUMMARY if about_source else kind

    def is_about(self, digest: Digest) -> bool:
        """Whether any subject has this digest: by SHA-256 in lower-case hexadecimal, and in no other way."""
        return digest.hex in self.sha256

    def is_these_bytes(self, content: bytes) -> bool:
        """Whether any subject without a SHA-256 is `content`, by SHA-384 or SHA-512."""
        return not self.longer.isdisjoint({(name, hashlib.new(name, content).hexdigest()) for name in _LONGER})


class _Subject(msgspec.Struct, frozen=True):
    digest: _DigestSet | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    # Subjects are read after they were counted: a million of them as objects would cost more memory than allowed.
    type: str = msgspec.field(name="_type")
    predicate_type: str
    subject: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(min_length=1, max_length=MAX_SUBJECTS)]
    predicate: msgspec.Raw = msgspec.Raw()


def is_statement_type(payload_type: str) -> bool:
    """Whether an envelope of this payload type holds a statement (in-toto attestation spec v1, envelope.md)."""
    return payload_type == _USUAL_PAYLOAD_TYPE or _PAYLOAD_TYPE.fullmatch(payload_type) is not None


def read_statement(payload: bytes) -> Statement:
    """Read a statement of v1 or v0.1. Says nothing about its predicate. Raises MalformedAttestation."""
    document = parse_strict(payload, _Document, what="the statement")
    if document.type not in STATEMENT_TYPES:
        raise MalformedAttestation(f"statements of type {printable(document.type, limit=80)!r} are not known")
    subjects = (parse_part(bytes(raw), _Subject, what="a subject of the statement") for raw in document.subject)
    digests = [subject.digest or {} for subject in subjects]
    commits = (digest.get("gitCommit", "") for digest in digests)
    return Statement(
        predicate_type=document.predicate_type,
        predicate=bytes(document.predicate),
        sha256=frozenset(digest["sha256"] for digest in digests if "sha256" in digest),
        longer=frozenset(
            (name, digest[name]) for digest in digests if "sha256" not in digest for name in _LONGER if name in digest
        ),
        commits=frozenset(commit for commit in commits if _COMMIT.fullmatch(commit)),
    )
