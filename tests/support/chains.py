"""Certificate chains of a private Sigstore: a self-signed root and the one certificate under it that signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.pki import BACKDATE, new_key, private_pem

LIFETIME = timedelta(days=3650)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """`signer` certifies `key`; both certificates are PEM, and so are the private key and what `write` leaves."""

    signer: bytes
    root: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> tuple[Path, Path, Path]:
        """Writes chain (signer first), root and private key (mode 0600), and returns their paths."""
        chain, root, key = (folder / f"{name}{suffix}" for suffix in (".chain.pem", ".root.pem", ".key"))
        chain.write_bytes(self.signer + self.root)
        root.write_bytes(self.root)
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        return chain, root, key


def fulcio_chain(name: str) -> Chain:
    """As the public instance has it: root, and an intermediate authority restricted to code signing."""
    return _chain(name, ExtendedKeyUsageOID.CODE_SIGNING, is_authority=True)


def timestamping_chain(name: str) -> Chain:
    """RFC 3161, 2.3: the signer's only purpose is time stamping, and that is critical."""
    return _chain(name, ExtendedKeyUsageOID.TIME_STAMPING, is_authority=False)


def _chain(name: str, purpose: x509.ObjectIdentifier, *, is_authority: bool) -> Chain:
    root_key, key = new_key(), new_key()
    root_name = _subject(f"{name} root")
    root = _builder(root_name, root_name, root_key, root_key, path_length=1 if is_authority else 0)
    signer = _builder(_subject(name), root_name, key, root_key, path_length=0 if is_authority else None)
    signer = signer.add_extension(x509.ExtendedKeyUsage([purpose]), critical=not is_authority)
    return Chain(
        signer=_pem(signer.sign(root_key, hashes.SHA384())),
        root=_pem(root.sign(root_key, hashes.SHA384())),
        key=private_pem(key),
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    path_length: int | None,
) -> x509.CertificateBuilder:
    """A certificate without its purpose; an authority's where there is a path length."""
    is_authority = path_length is not None
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _subject(name: str) -> x509.Name:
    names = [(NameOID.ORGANIZATION_NAME, "sigstore.test"), (NameOID.COMMON_NAME, name)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in names])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
