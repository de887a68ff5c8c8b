"""The quick way through a leaf's extensions: what it says is what the library says, or the library is asked."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import pytest
from cryptography import x509

from controller.core.errors import MalformedAttestation, NotVerified
from controller.trust.extensions import LeafExtensions, read_extensions
from controller.trust.keys import X509_ERRORS
from controller.trust.leaf import load_leaf
from controller.trust.usual import extensions_of
from tests.support.authority import IDENTITY, NEW_EXTENSIONS, OLD_EXTENSIONS, Leaf, Submission
from tests.support.certificates import alternative_names, email, extension, other_name, uri
from tests.support.der import bits, element, octets, sequence
from tests.support.instance import LEAF_SPAN, acme, stranger
from tests.support.signing import KeyPair

KEY = KeyPair("leaf")
LEAF = Leaf(span=LEAF_SPAN)
SUBMISSION = Submission(log=acme().ct_log)
STAMPS = "1.3.6.1.4.1.11129.2.4.2"

USUAL = {
    "as Fulcio writes it": (LEAF, (SUBMISSION,)),
    "an email address": (replace(LEAF, names=(email("dev@acme.example"),)), (SUBMISSION,)),
    "a name of 200 characters": (replace(LEAF, names=(uri(f"https://{'x' * 192}"),)), (SUBMISSION,)),
    "an empty name": (replace(LEAF, names=(uri(""),)), (SUBMISSION,)),
    "no SCT": (LEAF, ()),
    "two SCTs": (LEAF, (SUBMISSION, Submission(log=stranger().ct_log))),
    "an SCT with extensions": (LEAF, (Submission(log=acme().ct_log, stated=b"\x00\x00\x05\x00\x00\x00\x00\x07"),)),
    "the first generation": (replace(LEAF, fulcio=OLD_EXTENSIONS), (SUBMISSION,)),
    "the second generation": (replace(LEAF, fulcio=NEW_EXTENSIONS), (SUBMISSION,)),
    "a long extension": (replace(LEAF, fulcio={**NEW_EXTENSIONS, 18: "x" * 300}), (SUBMISSION,)),
    "an extension that is empty": (replace(LEAF, fulcio={**NEW_EXTENSIONS, 18: b""}), (SUBMISSION,)),
    "few extensions": (replace(LEAF, fulcio={8: "i"}), (SUBMISSION,)),
    "no extensions of Fulcio's": (replace(LEAF, fulcio={}), (SUBMISSION,)),
}
LISTS_OF_STAMPS = {
    "nothing": b"",
    "no octets": b"\x05\x00",
    "an empty list": octets(b"\x00\x00"),
    "an empty stamp": octets(b"\x00\x02\x00\x00"),
    "bytes after the list": octets(b"\x00\x00\x00"),
    "a list that is cut off": octets(b"\x00\x09\x00\x07\x00"),
    "another version": octets(b"\x00\x31\x00\x2f\x01" + b"\x00" * 46),
    "another algorithm": octets(b"\x00\x31\x00\x2f\x00" + b"\x00" * 42 + b"\x04\x01\x00\x00"),
    "a time beyond the last year": octets(b"\x00\x31\x00\x2f\x00" + b"\x00" * 32 + b"\xff" * 8 + b"\0\0\x04\x03\0\0"),
    "the last millisecond": octets(
        b"\x00\x31\x00\x2f\x00" + b"\x00" * 32 + (253_402_300_799_999).to_bytes(8) + b"\0\0\x04\x03\0\0"
    ),
    "a signature that is cut off": octets(b"\x00\x31\x00\x2f\x00" + b"\x00" * 42 + b"\x04\x03\x00\x01"),
}
UNUSUAL = {
    "a name of 300 characters": replace(LEAF, names=(uri(f"https://{'x' * 292}"),)),
    "a name of Fulcio's own kind": replace(LEAF, names=(other_name("release"),)),
    "a host's name": replace(LEAF, names=(element(0x82, b"acme.example"),)),
    "a name that is not ASCII": replace(LEAF, names=(element(0x86, b"https://\xff"),)),
    "two names": replace(LEAF, names=(uri(IDENTITY), uri(IDENTITY))),
    "no names": replace(LEAF, names=()),
    "names that are absent": replace(LEAF, names=None),
    "names that are no sequence": replace(LEAF, names=None, extra=(extension("2.5.29.17", uri(IDENTITY)),)),
    "a length that is not the shortest": replace(
        LEAF, names=None, extra=(extension("2.5.29.17", b"\x30\x81\x03\x86\x01x", critical=True),)
    ),
    "bytes after the names": replace(
        LEAF, names=None, extra=(extension("2.5.29.17", b"\x30\x03\x86\x01x\x00", critical=True),)
    ),
    "names that are not critical": replace(LEAF, names=None, extra=(extension("2.5.29.17", sequence(uri(IDENTITY))),)),
    "names twice": replace(LEAF, extra=(alternative_names(uri(IDENTITY)),)),
    "Fulcio's own twice": replace(LEAF, extra=(extension("1.3.6.1.4.1.57264.1.8", b"\x0c\x01i"),)),
    "Fulcio's own, critical": replace(
        LEAF, fulcio={}, extra=(extension("1.3.6.1.4.1.57264.1.8", b"\x0c\x01i", critical=True),)
    ),
    "an unknown one of Fulcio's": replace(LEAF, extra=(extension("1.3.6.1.4.1.57264.1.25", b"\x0c\x01i"),)),
    "an unknown one": replace(LEAF, extra=(extension("1.2.3.4", b"\x05\x00"),)),
    "an unknown one, critical": replace(LEAF, extra=(extension("1.2.3.4", b"\x05\x00", critical=True),)),
    "SCTs, critical": replace(LEAF, extra=(extension(STAMPS, octets(b"\x00\x00"), critical=True),)),
    "a CA": replace(LEAF, ca=True),
    "other usages": replace(LEAF, usages=(0, 1)),
    "no usage": replace(LEAF, usages=None),
    "usages that are padded": replace(LEAF, usages=None, extra=(extension("2.5.29.15", bits(b"\x80\x00")),)),
    "other purposes": replace(LEAF, purposes=("1.3.6.1.5.5.7.3.1",)),
    "two purposes": replace(LEAF, purposes=("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.3")),
    "no purpose": replace(LEAF, purposes=None),
    **{
        f"SCTs: {name}": replace(LEAF, extra=(extension(STAMPS, content),)) for name, content in LISTS_OF_STAMPS.items()
    },
}


def issue(leaf: Leaf, *submissions: Submission) -> bytes:
    return acme().authority.issue(leaf, KEY.spki, submissions)


def by_library(der: bytes) -> LeafExtensions | type[Exception]:
    try:
        return read_extensions(x509.load_der_x509_certificate(der))
    except (NotVerified, *X509_ERRORS) as error:
        return type(error)


def quickly(der: bytes) -> LeafExtensions | type[Exception]:
    try:
        return extensions_of(load_leaf(der))
    except (NotVerified, *X509_ERRORS) as error:
        return type(error)


@pytest.mark.parametrize("name", USUAL)
def test_the_usual_form_says_what_the_library_says_and_does_not_ask_it(name: str) -> None:
    leaf, submissions = USUAL[name]
    der = issue(leaf, *submissions)
    another = load_leaf(issue(replace(LEAF, names=None, purposes=None))).certificate
    assert extensions_of(msgspec.structs.replace(load_leaf(der), certificate=another)) == by_library(der)


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_written_otherwise_is_what_the_library_makes_of_it(name: str) -> None:
    der = issue(UNUSUAL[name])
    assert quickly(der) == by_library(der)


@pytest.mark.parametrize(("dotted", "contents"), [("2.5.29.14", (b"", b"\x04\x05x", b"\x05\x00", b"\x04\x01xx"))])
def test_identifiers_of_keys_are_read_as_well(dotted: str, contents: tuple[bytes, ...]) -> None:
    """Nobody uses them; the library refuses a certificate in which they are broken, and so do we."""
    usual = issue(LEAF, SUBMISSION)
    identifier = x509.load_der_x509_certificate(usual).extensions.get_extension_for_oid(x509.ObjectIdentifier(dotted))
    value = octets(identifier.value.public_bytes())
    for content in contents:
        der = usual.replace(value, octets(content.ljust(len(value) - 2, b"\x00")))
        assert quickly(der) == by_library(der)


@pytest.mark.parametrize("name", ["as Fulcio writes it", "two SCTs", "an email address"])
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # as in production
@pytest.mark.slow
def test_no_change_of_a_byte_tells_the_two_apart(name: str) -> None:
    leaf, submissions = USUAL[name]
    der, chance = issue(leaf, *submissions), random.Random(name)
    loaded = 0
    for _ in range(6_000):
        at = chance.randrange(len(der))
        changed = der[:at] + bytes([chance.choice((0, 1, 4, 48, 128, 129, 255, der[at] ^ 1 << chance.randrange(8)))])
        changed += der[at + 1 :]
        try:
            load_leaf(changed)
        except MalformedAttestation:
            continue
        loaded += 1
        assert quickly(changed) == by_library(changed), at
    assert loaded > 1_000
