"""One subject, one moment: what a candidate proves about it, or that it is refused."""

from __future__ import annotations

from datetime import UTC, datetime

from controller.core.evidence import Refused, VerifiedStatement
from controller.core.image import Digest
from controller.trust.root import TrustRoots
from controller.trust.verify import judge_candidate
from controller.wire.candidate import Candidate
from tests.support.foundry import BUNDLE_V03, Foundry, Layer, encode

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MANIFEST = b"the manifest of ghcr.io/acme/shop"
SUBJECT = Digest.of(MANIFEST)


def judge(candidate: Candidate | Layer, roots: TrustRoots) -> tuple[VerifiedStatement, ...] | Refused:
    if isinstance(candidate, Layer):
        candidate = candidate.candidate()
    return judge_candidate(candidate, subject=SUBJECT, roots=roots, now=NOW)


def statements(candidate: Candidate | Layer, roots: TrustRoots) -> tuple[VerifiedStatement, ...]:
    judged = judge(candidate, roots)
    assert not isinstance(judged, Refused), judged.detail
    return judged


def proven(candidate: Candidate | Layer, roots: TrustRoots) -> VerifiedStatement:
    """The only statement that the candidate proves."""
    (found,) = statements(candidate, roots)
    return found


def refused(candidate: Candidate | Layer, roots: TrustRoots) -> Refused:
    judged = judge(candidate, roots)
    assert isinstance(judged, Refused)
    return judged


def signed(foundry: Foundry, document: object) -> Layer:
    """A bundle around this document as payload."""
    return foundry.bundle_layer(encode(document))


def bundle_of(foundry: Foundry, envelope: object, **changes: object) -> Layer:
    """A bundle around this envelope, with members of the bundle replaced."""
    return Layer(media_type=BUNDLE_V03, content=encode({**foundry.bundle_document(envelope), **changes}))
