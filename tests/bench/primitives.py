"""The signature checks that nobody can do without, bare: what a form of evidence costs at least."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.support.forms import Form
from tests.support.signing import CURVES, KeyKind, KeyPair

MESSAGE = b"m" * 1000

Verification = Callable[[], object]


def floor(form: Form) -> Callable[[], None]:
    """All signatures of evidence of this form, verified one after the other with keys that were read before."""
    verifications = [_verification(kind) for kind in kinds(form)]

    def verify_all() -> None:
        for verify in verifications:
            verify()

    return verify_all


def kinds(form: Form) -> list[KeyKind]:
    """By which keys: the signer's; for a certificate its issuer's and its CT log's; log and timestamp authority."""
    return [
        KeyKind.P256,
        *([KeyKind.P384, KeyKind.P256] if form.certified else []),
        *([KeyKind.P256] if form.promised else []),
        *([KeyKind.ED25519 if form.logged_by_v2 else KeyKind.P256] if form.proven else []),
        *([KeyKind.P384] if form.stamped else []),
    ]


def _verification(kind: KeyKind) -> Verification:
    pair = KeyPair(f"bench {kind.name}", kind)
    key, signature = load_der_public_key(pair.spki), pair.sign(MESSAGE)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return lambda: key.verify(signature, MESSAGE)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    scheme = ec.ECDSA(CURVES[kind][1])
    return lambda: key.verify(signature, MESSAGE, scheme)
