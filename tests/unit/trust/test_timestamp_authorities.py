"""Timestamp authorities: which certificates may sign timestamps, and which chains lead to them."""

import warnings
from dataclasses import replace
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.core.errors import MalformedDocument, NotVerified
from controller.core.window import Window
from controller.trust.timestamp import TimestampAuthority, verify_timestamp
from tests.support import der
from tests.support.stamping import (
    AT,
    AUTHORITY,
    ECDSA,
    END,
    ROOT,
    SHA256,
    SIGNATURE,
    SIGNER,
    START,
    Holder,
    Issued,
    Stamp,
    algorithm,
    authority,
    issue,
    refused,
    sign,
    token_of,
    verified,
)

UNFIT = {
    "no purpose": (Issued(purposes=None), "not for timestamps"),
    "not critical": (Issued(purposes_critical=False), "not for timestamps alone"),
    "another purpose": (
        Issued(purposes=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])),
        "not for timestamps alone",
    ),
    "two purposes": (
        Issued(purposes=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING])),
        "not for timestamps alone",
    ),
    "no signatures": (Issued(signs=False), "not for signatures"),
    "unknown critical": (Issued(extra=x509.OCSPNoCheck()), "unknown critical extension"),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_certificate_that_may_not_sign_timestamps_is_refused(unfit: str) -> None:
    issued, told = UNFIT[unfit]
    signer = ROOT.issue(issued)
    refused(Stamp(signer=signer), told, authority(signer, ROOT))
    refused(Stamp(signer=signer, certificates=(signer.der,)), told, authority(ROOT))


def test_a_ca_signs_no_timestamps() -> None:
    refused(Stamp(signer=ROOT, certificates=(ROOT.der,)), "may not|is a CA", authority(ROOT))


def test_a_token_means_its_signers_certificate() -> None:
    """Another certificate of the same key, with another window say, is not the one that signed."""
    again = ROOT.issue(Issued(), SIGNER.key)
    assert verified(Stamp(signer=again, meant=again.der), authority(again, ROOT)) == AT
    refused(Stamp(signer=again, meant=SIGNER.der), "names another certificate", authority(again, ROOT))


BROKEN_CHAINS: dict[str, tuple[Issued, Issued]] = {
    "issuer is no CA": (replace(AUTHORITY, ca=False), Issued()),
    "issuer signs no certificates": (replace(AUTHORITY, certifies=False), Issued()),
    "issuer is for other purposes": (
        replace(AUTHORITY, purposes=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])),
        Issued(),
    ),
    "issuer with unknown critical": (replace(AUTHORITY, extra=x509.OCSPNoCheck()), Issued()),
    "too long": (replace(AUTHORITY, path_length=0), replace(AUTHORITY, subject="between")),
    "weak hash": (AUTHORITY, Issued(weak=True)),
}


@pytest.mark.parametrize("broken", BROKEN_CHAINS)
def test_a_chain_that_does_not_hold_is_no_authority(broken: str) -> None:
    issuer, issued = BROKEN_CHAINS[broken]
    root = issue(issuer, ec.generate_private_key(ec.SECP256R1()), None)
    with pytest.raises(MalformedDocument):
        authority(root.issue(issued), root)


@pytest.mark.parametrize("chain", [(), (SIGNER,), (ROOT, SIGNER), (SIGNER, SIGNER), (SIGNER, *[ROOT] * 10)])
def test_a_chain_is_ordered_and_ends_in_a_ca(chain: tuple[Holder, ...]) -> None:
    with pytest.raises(MalformedDocument):
        TimestampAuthority(certificates=tuple(part.der for part in chain), valid=Window(start=START, end=END))


def test_a_certificate_that_cannot_be_read_is_no_authority() -> None:
    for junk in (b"", b"\x30\x00", SIGNER.der[:-1], SIGNER.der + b"\x00"):
        with pytest.raises(MalformedDocument):
            TimestampAuthority(certificates=(junk, ROOT.der), valid=Window(start=START, end=END))


def test_an_intermediate_may_stand_between() -> None:
    between = ROOT.issue(replace(AUTHORITY, subject="between", path_length=0))
    signer = between.issue(Issued())
    assert verified(Stamp(signer=signer), authority(signer, between, ROOT)) == AT


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # as in production
@pytest.mark.parametrize("serial", [0, -1])
def test_a_signer_without_a_positive_serial_number_is_refused(serial: int) -> None:
    signer = renumbered(SIGNER, serial)
    refused(Stamp(signer=signer, certificates=(signer.der,)), "serial number", authority(ROOT))


@pytest.mark.parametrize("action", ["error", "ignore"])
def test_a_negative_serial_number_is_refused_whatever_becomes_of_warnings(action: Literal["error", "ignore"]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signer = renumbered(SIGNER, -1)
        token = token_of(Stamp(signer=signer, certificates=(signer.der,)))
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(NotVerified):
            verify_timestamp(token, signature=SIGNATURE, authorities=(authority(ROOT),))


def renumbered(holder: Holder, serial: int) -> Holder:
    """The same certificate with another serial number, issued by the root."""
    number = der.integer(holder.certificate.serial_number)
    tbs = holder.certificate.tbs_certificate_bytes
    content = tbs[4:].replace(number, der.integer(serial), 1)
    signed = der.sequence(content)
    signature = sign(ROOT.key, signed, SHA256)
    whole = der.sequence(signed, algorithm(ECDSA[SHA256]), der.bits(signature))
    return Holder(key=holder.key, certificate=x509.load_der_x509_certificate(whole))
