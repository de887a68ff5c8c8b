"""Verifying one Sigstore bundle about one artifact: any blob, an image or not, and any statement about it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.image import Digest
from controller.core.signer import CertificateSigner
from controller.core.text import printable
from controller.trust.border import Border
from controller.trust.keys import PublicKey
from controller.trust.message import OVER_PAYLOAD, SignedMessage, is_over_payload
from controller.trust.root import Require, RootKey, SigstoreMaterial, TrustRoot, TrustRoots
from controller.trust.signing import Signing, signings
from controller.wire.bundle import parse_bundle
from controller.wire.material import Material
from controller.wire.signed import SignedContent
from controller.wire.statement import Statement, is_statement_type, read_statement

_KEY, _SIGSTORE = "key", "sigstore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What a bundle is to be about: its digest, and its bytes where they are at hand."""

    digest: Digest
    content: bytes | None = None

    @classmethod
    def of(cls, content: bytes) -> "Artifact":
        """The artifact with these bytes."""
        return cls(digest=Digest.of(content), content=content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who is to have signed: issuer and subject of the certificate, both exactly."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedBundle:
    """What a bundle proves about an artifact. `predicate_type` is None for a message signature."""

    signing: Signing
    predicate_type: str | None


class OtherInstance(NotVerified):
    """Not verified, and no log of this Sigstore instance is one that the bundle names: it may be of another one."""


def verify_bundle(
    bundle: bytes, *, artifact: Artifact, by: Identity | PublicKey, sigstore: SigstoreMaterial, now: datetime
) -> VerifiedBundle:
    """What `bundle` proves about `artifact`, signed by exactly this identity or key.

    A certificate needs a log entry and an SCT where `sigstore` has logs for them, and a verified time in any case. A
    key needs neither, but each log entry that is there must hold. The rules are those of `judge_candidate`, but that
    the signature may be over the artifact itself, and the statement's predicate is anybody's business. Says nothing
    about what the predicate means. Raises MalformedAttestation for what is no bundle, and NotVerified, by its kind
    OtherInstance where a certificate's bundle has no entry of a log that `sigstore` knows, and it knows some. Nothing
    else, not even where a reader of ours fails at these bytes.
    """
    with Border():
        return _verify(bundle, artifact, by, sigstore, now)


def _verify(
    bundle: bytes, artifact: Artifact, by: Identity | PublicKey, sigstore: SigstoreMaterial, now: datetime
) -> VerifiedBundle:
    opened, material = parse_bundle(bundle)
    content = _with_artifact(opened, artifact)
    if isinstance(by, PublicKey):
        signing = _by_key(content, material, by, sigstore, now)
    else:
        signing = _by_identity(content, material, by, sigstore, now)
    whole = opened.digest is not None  # the signature is over the artifact itself
    return VerifiedBundle(signing=signing, predicate_type=None if whole else _predicate_type(content, artifact))


def _with_artifact(content: SignedContent, artifact: Artifact) -> SignedContent:
    """The artifact in the place that a message signature leaves open; its announced digest must be the artifact's."""
    if content.digest is None:
        return content
    if content.digest and content.digest not in _digests(artifact, len(content.digest)):
        raise NotVerified(f"the bundle is about another artifact than {artifact.digest}")
    if artifact.content is None:
        return replace(content, digest=bytes.fromhex(artifact.digest.hex))
    return replace(content, payload=artifact.content, message=artifact.content, digest=None)


def _digests(artifact: Artifact, size: int) -> tuple[bytes, ...]:
    """The artifact's digest of this size; none where it can't be told."""
    if size == hashlib.sha256().digest_size:
        return (bytes.fromhex(artifact.digest.hex),)
    if artifact.content is None:
        raise NotVerified("the bundle names the artifact by another digest than SHA-256: the artifact itself is needed")
    return (hashlib.new(f"sha{size * 8}", artifact.content).digest(),)


def _by_identity(
    content: SignedContent, material: Material, by: Identity, sigstore: SigstoreMaterial, now: datetime
) -> Signing:
    if material.certificate is None:
        raise NotVerified("the bundle is signed with a key: it has no certificate that names an identity")
    require = Require(transparency_log=bool(sigstore.logs), signed_timestamp=False, sct=bool(sigstore.ct_logs))
    root = TrustRoot(name=_SIGSTORE, sigstore=sigstore, require=require)
    try:
        (signing,) = signings(content, material, roots=TrustRoots(roots={root.name: root}), now=now)
    except NotVerified as error:
        known = {log.key_id for log in sigstore.logs}
        if known.isdisjoint({entry.log_id for entry in material.entries}):
            raise OtherInstance(str(error)) from error
        raise
    if isinstance(signing.signer, CertificateSigner):
        _require_identity(signing.signer, by)
        return signing
    raise AssertionError("a root of a Sigstore instance has no keys")


def _require_identity(signer: CertificateSigner, by: Identity) -> None:
    if signer.issuer != by.issuer:
        raise NotVerified(f"the issuer is {printable(signer.issuer)}, and not {printable(by.issuer)}")
    if signer.subject != by.subject:
        raise NotVerified(f"the identity is {printable(signer.subject)}, and not {printable(by.subject)}")


def _by_key(
    content: SignedContent, material: Material, by: PublicKey, sigstore: SigstoreMaterial, now: datetime
) -> Signing:
    if material.certificate is not None:
        raise NotVerified("the bundle is signed with a certificate, and not with a key")
    if SignedMessage(content).signature_by(by) is None:
        raise NotVerified(
            OVER_PAYLOAD
            if is_over_payload(content, (by,))
            else "the signature is not by this key, or what it signed was changed"
        )
    logs = {log.key_id for log in sigstore.logs}
    if any(entry.log_id not in logs for entry in material.entries):
        raise NotVerified("the log entry is of a log that the trusted root does not know")
    clock = TrustRoot(name=_SIGSTORE, sigstore=sigstore)
    root = TrustRoot(name=_KEY, keys=(RootKey(name=_KEY, key=by),), time_root=clock.name)
    (signing,) = signings(content, material, roots=TrustRoots(roots={one.name: one for one in (root, clock)}), now=now)
    return signing


def _predicate_type(content: SignedContent, artifact: Artifact) -> str:
    """The predicate type of the signed statement, which must be about the artifact."""
    if not is_statement_type(content.payload_type):
        raise NotVerified(f"payload type {printable(content.payload_type, limit=80)!r} is no statement")
    try:
        statement = read_statement(content.payload)
    except MalformedAttestation as error:
        raise NotVerified(str(error)) from error
    _require_about(statement, artifact)
    return statement.predicate_type


def _require_about(statement: Statement, artifact: Artifact) -> None:
    """By digest alone it is told by SHA-256, with the bytes at hand by SHA-384 and SHA-512, too."""
    if statement.is_about(artifact.digest):
        return
    if artifact.content is None and statement.longer:
        raise NotVerified("the statement names files by other digests than SHA-256: the artifact itself is needed")
    if artifact.content is None or not statement.is_these_bytes(artifact.content):
        raise NotVerified(f"the statement is about another artifact than {artifact.digest}")
