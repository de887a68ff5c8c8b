"""Trust roots over a trusted_root.json, and judging layers by them."""

from __future__ import annotations

from datetime import UTC, datetime

from controller.core.evidence import Refused, VerifiedStatement
from controller.core.image import Digest
from controller.trust.keys import parse_public_key
from controller.trust.root import Require, RootKey, TrustRoot, TrustRoots, compile_sigstore
from controller.trust.verify import judge_candidate
from controller.wire.trustedroot import parse_trusted_root
from tests.support.foundry import Layer

USUAL = Require.of_sigstore()


def sigstore_root(trusted_root: bytes, require: Require = USUAL, *, name: str = "sigstore") -> TrustRoot:
    return TrustRoot(name=name, sigstore=compile_sigstore(parse_trusted_root(trusted_root)), require=require)


def key_root(pem: str, require: Require | None = None, *, time_root: str | None = None) -> TrustRoot:
    key = RootKey(name="release", key=parse_public_key(pem))
    return TrustRoot(name="keys", keys=(key,), require=require or Require(), time_root=time_root)


def of(*roots: TrustRoot) -> TrustRoots:
    return TrustRoots(roots={root.name: root for root in roots})


def judge(layer: Layer, subject: Digest, *roots: TrustRoot) -> tuple[VerifiedStatement, ...] | Refused:
    return judge_candidate(layer.candidate(), subject=subject, roots=of(*roots), now=datetime.now(UTC))


def proven(layer: Layer, subject: Digest, *roots: TrustRoot) -> VerifiedStatement:
    """The only statement that the layer proves about the subject."""
    judged = judge(layer, subject, *roots)
    assert not isinstance(judged, Refused), judged.detail
    (statement,) = judged
    return statement


def believed(layer: Layer, subject: Digest, *roots: TrustRoot) -> bool:
    return not isinstance(judge(layer, subject, *roots), Refused)
