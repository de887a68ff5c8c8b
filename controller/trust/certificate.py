"""Signing certificates as Fulcio issues them: that an authority certified the signer at the time of signing."""

from datetime import datetime

from cryptography import x509

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.signer import CertificateSigner
from controller.trust.extensions import LeafExtensions
from controller.trust.identity import signer_of
from controller.trust.keys import X509_ERRORS
from controller.trust.leaf import Leaf, load_leaf
from controller.trust.path import MAX_PATH, require_path
from controller.trust.root import SigstoreMaterial
from controller.trust.sct import verify_sct
from controller.trust.usual import extensions_of


def verify_certificate(
    leaf: Leaf,
    *,
    intermediates: tuple[bytes, ...],
    material: SigstoreMaterial,
    root_name: str,
    times: tuple[datetime, ...],
    sct: bool,
) -> CertificateSigner:
    """Whom an authority of `material` certified with `leaf`, at every one of the verified `times` (aware).

    1. The leaf, which `load_leaf` read, has no extension twice and no critical one that is not understood.
    2. It may sign code, and no certificates: digitalSignature, codeSigning, no CA (RFC 5280, 4.2.1.3, 9 and 12).
    3. A path leads to an authority of `material`, and each time lies in the windows of the leaf, of all certificates
       on the path and of the authority, closed at both ends. `intermediates` are untrusted and only help on the way.
    4. With `sct`: a CT log of `material` signed an embedded SCT over this certificate and its issuer.
    5. It names one signer and does not contradict itself (`controller.trust.identity`).

    Never compares with the present: a leaf lives for ten minutes. Does not say that the key signed anything. Raises
    NotVerified, MalformedAttestation where an intermediate is no certificate, and ValueError without
    times: a certificate without a time proves nothing.
    """
    if not times:
        raise ValueError("a certificate is verified at a time")
    chain = _load_all(intermediates)
    try:
        extensions = extensions_of(leaf)
        _require_usage(extensions)
        path = require_path(leaf, chain, material.authorities, times)
        if sct:
            verify_sct(extensions, path.issuers[0], material.ct_logs)
        return signer_of(extensions, root_name=root_name)
    except X509_ERRORS:
        raise NotVerified("an extension of the certificate can't be read, or is there twice") from None


def refuse_anchors(intermediates: tuple[bytes, ...]) -> None:
    """Raise NotVerified where one of these is self-issued: a bundle's chain never holds a root (sigstore_bundle.proto).

    Raises MalformedAttestation where one is no certificate, or its names can't be read.
    """
    chain = _load_all(intermediates)
    try:
        rooted = any(certificate.issuer == certificate.subject for certificate in chain)
    except X509_ERRORS:  # names are read only now
        raise MalformedAttestation("a name in a certificate of the chain can't be read") from None
    if rooted:
        raise NotVerified("the chain of the bundle holds a root")


def _load_all(intermediates: tuple[bytes, ...]) -> list[x509.Certificate]:
    if len(intermediates) > MAX_PATH:
        raise NotVerified(f"more than {MAX_PATH} certificates beside the signature")
    return [load_leaf(der).certificate for der in intermediates]


def _require_usage(extensions: LeafExtensions) -> None:
    if extensions.authority:
        raise NotVerified("the certificate is that of an authority, and signs no code")
    if not extensions.signs:
        raise NotVerified("the certificate is not for digital signatures")
    if not extensions.signs_code:
        raise NotVerified("the certificate is not for signing code")
