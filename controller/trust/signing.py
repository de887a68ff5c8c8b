"""Who signed, and when: each trust root says it for itself, and what holds under one never serves another."""

from collections.abc import Collection, Iterator
from datetime import datetime

import msgspec

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.signer import CertificateSigner, KeySigner, Signer
from controller.core.text import printable
from controller.trust.certificate import refuse_anchors, verify_certificate
from controller.trust.keys import PublicKey, verifying_key_of
from controller.trust.leaf import Leaf, load_leaf
from controller.trust.log import CertificateVerifier, KeyVerifier
from controller.trust.message import OVER_PAYLOAD, SignedMessage, is_over_payload
from controller.trust.root import SigstoreMaterial, TrustRoot, TrustRoots
from controller.trust.shown import Claim, Shown
from controller.trust.standing import standing_of
from controller.wire.material import Material
from controller.wire.signed import SignedContent

MAX_CHECKS = 4096  # of one candidate, half a second: whoever may push decides how many signatures there are


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """A signer that counts, and all verified times of his signature; none where no root he stands in tells times."""

    signer: Signer
    times: tuple[datetime, ...]


def signings(content: SignedContent, material: Material, *, roots: TrustRoots, now: datetime) -> tuple[Signing, ...]:
    """Everyone who signed and counts, at least one, in order of the roots' names. Raises NotVerified.

    A certificate is tried under every Sigstore root, keys under every root of keys. `now` is the moment of judgement
    (aware): it bounds times from above, and windows of keys where no time is shown; a certificate never meets it.
    """
    message = SignedMessage(content)
    found: list[Signing] = []
    objections: list[str] = []
    for attempt in _attempts(message, content, material, roots, now):
        if isinstance(attempt, Signing):
            found.append(attempt)
        else:
            objections.append(attempt)
    if not found:
        raise NotVerified("; ".join(sorted(objections)))
    return tuple(found)


def _attempts(
    message: SignedMessage, content: SignedContent, material: Material, roots: TrustRoots, now: datetime
) -> Iterator[Signing | str]:
    if material.certificate is not None:
        try:
            yield from _certified(message, content, material, roots, now)
        except (NotVerified, MalformedAttestation) as error:
            yield str(error)  # a certificate that can't be read takes nothing from a key
    if material.certificate is None or material.annotated:
        yield from _keyed(message, content, material, roots, now)


def _certified(
    message: SignedMessage, content: SignedContent, material: Material, roots: TrustRoots, now: datetime
) -> Iterator[Signing | str]:
    der = material.certificate or b""
    leaf = load_leaf(der)
    if not material.annotated:
        refuse_anchors(material.intermediates)
    signature = message.signature_by(verifying_key_of(leaf.certificate))
    if signature is None:
        yield "the key of the certificate did not make the signature, or what it signed was changed"
        return
    verifier = CertificateVerifier(der=der)
    claim = Claim(content=content, material=material, signature=signature, verifier=verifier)
    trusted = [root for root in roots.roots.values() if root.sigstore is not None]
    if not trusted:
        yield "signed with a certificate, and no trust root holds a certificate authority"
    for root in sorted(trusted, key=lambda root: root.name):
        try:
            yield _under(root, claim, leaf, now)
        except NotVerified as error:
            yield f"{printable(root.name)}: {error}"


def _under(root: TrustRoot, claim: Claim, leaf: Leaf, now: datetime) -> Signing:
    """The certificate's signer under one root: at each verified time, and there is at least one."""
    sigstore = root.sigstore or SigstoreMaterial()
    shown = claim.shown_by(sigstore, now=now)
    shown.satisfy(root.require)
    if not shown.times:
        raise NotVerified("no log entry or timestamp of this trust root shows when it was signed")
    signer: CertificateSigner = verify_certificate(
        leaf,
        intermediates=claim.material.intermediates,
        material=sigstore,
        root_name=root.name,
        times=shown.times,
        sct=root.require.sct,
    )
    return Signing(signer=signer, times=shown.times)


def _keyed(
    message: SignedMessage, content: SignedContent, material: Material, roots: TrustRoots, now: datetime
) -> Iterator[Signing | str]:
    known = {entry.key for root in roots.roots.values() for entry in root.keys}
    if len(known) * len(content.signatures) > MAX_CHECKS:
        yield f"more than {MAX_CHECKS} signature checks: too many signatures for so many keys"
        return
    signatures = message.signatures_by(known)
    if not signatures and material.certificate is None:
        yield _unsigned(content, known)
    for root in sorted(roots.roots.values(), key=lambda root: root.name):
        for key in sorted(signatures.keys() & {entry.key for entry in root.keys}, key=lambda key: key.fingerprint):
            verifier = KeyVerifier(key=key)
            claim = Claim(content=content, material=material, signature=signatures[key], verifier=verifier)
            try:
                yield _by_key(root, key, claim, roots, now)
            except NotVerified as error:
                yield f"{printable(root.name)}: {error}"


def _unsigned(content: SignedContent, known: Collection[PublicKey]) -> str:
    if is_over_payload(content, known):
        return OVER_PAYLOAD
    if content.certified:
        return "its certificate is in the envelope, beside the signature, and nothing there shows when it was signed"
    return "no key of any trust root made its signature" if known else "no trust root holds a key"


def _by_key(root: TrustRoot, key: PublicKey, claim: Claim, roots: TrustRoots, now: datetime) -> Signing:
    """The key's signer under one root; its times are told by the logs and authorities of the root's time root alone."""
    clock = roots.roots.get(root.time_root) if root.time_root is not None else None
    shown = claim.shown_by(clock.sigstore, now=now) if clock is not None and clock.sigstore is not None else Shown()
    shown.satisfy(root.require)
    entry = standing_of(root, key, times=shown.times, now=now)
    return Signing(signer=KeySigner(trust_root=root.name, key=key.fingerprint, name=entry.name), times=shown.times)
