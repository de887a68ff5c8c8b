"""The certificate beside a signature: one spelling, and the bytes that its issuer signed."""

import pytest
from cryptography import x509

from controller.core.errors import MalformedAttestation
from controller.trust.leaf import load_leaf
from tests.support.authority import Leaf
from tests.support.der import bits, integer, oid, sequence
from tests.support.instance import LEAF_SPAN, acme
from tests.support.signing import KeyPair

LEAF = acme().authority.issue(Leaf(span=LEAF_SPAN), KeyPair("leaf").spki, ())
ALGORITHM = sequence(oid("1.2.840.10045.4.3.3"))  # ECDSA with SHA-384


def test_what_the_issuer_signed_is_what_the_library_says() -> None:
    certificates = (LEAF, acme().authority.intermediate, acme().authority.root)
    for der in certificates:
        assert load_leaf(der).tbs == x509.load_der_x509_certificate(der).tbs_certificate_bytes


def test_a_certificate_without_a_version_is_read_as_well() -> None:
    tbs = x509.load_der_x509_certificate(LEAF).tbs_certificate_bytes
    name, span = sequence(), tbs[tbs.index(b"\x17\x0d") - 2 :][:32]
    old = sequence(integer(7), ALGORITHM, name, span, name, KeyPair("leaf").spki)
    assert load_leaf(sequence(old, ALGORITHM, bits(b"signature"))).tbs == old


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # as in production
@pytest.mark.parametrize("serial", [0, -1])
def test_a_serial_number_is_positive(serial: int) -> None:
    certificate = x509.load_der_x509_certificate(LEAF)
    content = certificate.tbs_certificate_bytes[4:]  # without the header of the sequence
    renumbered = sequence(content.replace(integer(certificate.serial_number), integer(serial), 1))
    with pytest.raises(MalformedAttestation, match="serial number"):
        load_leaf(sequence(renumbered, ALGORITHM, bits(certificate.signature)))


@pytest.mark.parametrize("other", ["1.2.840.10045.4.3.2", "1.3.101.112"])
def test_a_certificate_names_one_signature_algorithm_twice(other: str) -> None:
    """The outer one is not signed (RFC 5280, 4.1.1.2), and it is the one by which the signature is verified."""
    certificate = x509.load_der_x509_certificate(LEAF)
    whole = sequence(certificate.tbs_certificate_bytes, sequence(oid(other)), bits(certificate.signature))
    with pytest.raises(MalformedAttestation, match="two signature algorithms"):
        load_leaf(whole)
