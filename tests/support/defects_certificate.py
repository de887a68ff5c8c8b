"""Defects of what a leaf certificate says, and of its bytes."""

from __future__ import annotations

from dataclasses import replace

from tests.support.authority import IDENTITY
from tests.support.breaking import Json, both, bundled, certified, defect
from tests.support.bundles import Order
from tests.support.certificates import SERVER_AUTH, alternative_names, email, extension, fulcio, uri
from tests.support.der import element, indefinite, integer, sequence, utf8
from tests.support.forms import Form
from tests.support.rekor import b64
from tests.support.signing import KeyPair

CONTENT_COMMITMENT = 1
OTHER = "https://accounts.evil.example"


def single(form: Form) -> bool:
    return form.certified and not form.wrap.chained


@defect("SIGN-019", where=certified)
def leaf_is_authority(order: Order) -> None:
    """The leaf's basic constraints say CA."""
    order.leaf = replace(order.leaf, ca=True)


@defect("SIGN-019", where=certified)
def leaf_for_servers(order: Order) -> None:
    """The leaf's extended key usage is server authentication, not code signing."""
    order.leaf = replace(order.leaf, purposes=(SERVER_AUTH,))


@defect("SIGN-019", where=certified)
def leaf_without_purposes(order: Order) -> None:
    """The leaf has no extended key usage."""
    order.leaf = replace(order.leaf, purposes=None)


@defect("SIGN-019", where=certified)
def leaf_without_digital_signature(order: Order) -> None:
    """The leaf's key usage is content commitment alone."""
    order.leaf = replace(order.leaf, usages=(CONTENT_COMMITMENT,))


@defect("SIGN-019", where=certified)
def leaf_without_usages(order: Order) -> None:
    """The leaf has no key usage."""
    order.leaf = replace(order.leaf, usages=None)


@defect("SIGN-021", where=certified)
def two_names(order: Order) -> None:
    """The leaf is for two URIs, one of them the right one."""
    order.leaf = replace(order.leaf, names=(uri(IDENTITY), uri("https://evil.example/")))


@defect("SIGN-021", where=certified)
def two_kinds_of_name(order: Order) -> None:
    """The leaf is for a URI and an email address."""
    order.leaf = replace(order.leaf, names=(uri(IDENTITY), email("dev@acme.example")))


@defect("PARSE-011", where=certified)
def no_name(order: Order) -> None:
    """The leaf has no subject alternative name."""
    order.leaf = replace(order.leaf, names=None)


@defect("PARSE-011", where=certified)
def empty_names(order: Order) -> None:
    """The leaf's subject alternative name holds none."""
    order.leaf = replace(order.leaf, names=())


@defect("PARSE-011", where=certified)
def unreadable_name(order: Order) -> None:
    """The leaf's subject alternative name is no ASN.1."""
    order.leaf = replace(order.leaf, names=None, extra=(extension("2.5.29.17", b"\x30\x7fno", critical=True),))


@defect("PARSE-011", where=certified)
def extension_twice(order: Order) -> None:
    """The leaf carries the issuer twice, saying the same."""
    order.leaf = replace(order.leaf, extra=(fulcio(8, order.leaf.fulcio[8]),))


@defect("PARSE-011", where=certified)
def names_twice(order: Order) -> None:
    """The leaf carries two subject alternative names of one name each."""
    order.leaf = replace(order.leaf, extra=(alternative_names(uri("https://evil.example/")),))


@defect("PARSE-011", where=certified)
def unknown_critical_extension(order: Order) -> None:
    """The leaf carries a critical extension that nobody knows."""
    order.leaf = replace(order.leaf, extra=(extension("1.3.6.1.4.1.57264.99", b"\x05\x00", critical=True),))


def _says(order: Order, number: int, value: str | bytes) -> None:
    order.leaf = replace(order.leaf, fulcio={**order.leaf.fulcio, number: value})


@defect("SIGN-014", where=certified)
def issuers_disagree(order: Order) -> None:
    """Extension 1 names another issuer than 8."""
    _says(order, 1, OTHER)


@defect("SIGN-014", where=certified)
def triggers_disagree(order: Order) -> None:
    """Extension 2 names another trigger than 20."""
    _says(order, 2, "pull_request_target")


@defect("SIGN-014", where=certified)
def commits_disagree(order: Order) -> None:
    """Extension 3 names another commit than 13."""
    _says(order, 3, "00" * 20)


@defect("SIGN-014", where=certified)
def repositories_disagree(order: Order) -> None:
    """Extension 5 names another repository than 12."""
    _says(order, 5, "evil/shop")


@defect("SIGN-014", where=certified)
def refs_disagree(order: Order) -> None:
    """Extension 6 names another ref than 14."""
    _says(order, 6, "refs/heads/main")


@defect("SIGN-014", where=certified)
def no_issuer(order: Order) -> None:
    """Neither extension 1 nor 8 names the issuer."""
    order.leaf = replace(order.leaf, fulcio={n: v for n, v in order.leaf.fulcio.items() if n not in {1, 8}})


@defect("PARSE-012", where=certified)
def issuer_without_tag(order: Order) -> None:
    """Extension 8 is raw text, and no DER UTF8String."""
    _says(order, 8, b"https://token.actions.githubusercontent.com")


@defect("PARSE-012", where=certified)
def issuer_with_trailing_bytes(order: Order) -> None:
    """Bytes follow the UTF8String in extension 8."""
    _says(order, 8, utf8(str(order.leaf.fulcio[8])) + b"\x00")


@defect("PARSE-012", where=certified)
def certificate_with_trailing_bytes(order: Order) -> None:
    """Bytes follow the leaf certificate, wherever it stands."""
    order.certificate = order.issued() + b"\x00"


@defect("PARSE-012", where=certified)
def certificate_of_indefinite_length(order: Order) -> None:
    """The leaf certificate is BER: its outermost length is indefinite."""
    order.certificate = indefinite(order.issued())


@defect("PARSE-012", where=both(single, bundled))
def certificate_with_huge_integer(order: Order) -> None:
    """The leaf certificate begins with a serial number of 10 MiB."""
    huge = element(0x02, b"\x01" * (10 << 20))
    _replace_certificate(order, sequence(sequence(element(0xA0, integer(2)), huge)))


@defect("TYPE-021", where=both(single, bundled))
def key_as_certificate(order: Order) -> None:
    """The certificate field holds the bare public key that signed."""
    _replace_certificate(order, order.key.spki)


@defect("SIGN-004", where=both(single, bundled))
def empty_certificate(order: Order) -> None:
    """The certificate field is there and empty."""
    _replace_certificate(order, b"")


def _replace_certificate(order: Order, content: bytes) -> None:
    def change(document: Json) -> None:
        document["verificationMaterial"]["certificate"]["rawBytes"] = b64(content)

    order.on_container = change


@defect("SIGN-006", where=certified)
def certificate_of_another_key(order: Order) -> None:
    """A genuine certificate of the right name, for another key than the one that signed."""
    order.certificate = order.issuer.issue(order.leaf, KeyPair("another signer").spki, order.submissions)
