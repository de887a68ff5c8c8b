"""Defects of a certificate's path: who issued it, when that counted, and what the CT log promised."""

from __future__ import annotations

from datetime import timedelta

from tests.support.authority import Authority, Submission
from tests.support.breaking import Json, both, bundled, certified, defect, vouched
from tests.support.bundles import Order
from tests.support.certificates import Span, name
from tests.support.forms import Form
from tests.support.instance import SIGNED, SPAN, rfc3339, stranger
from tests.support.rekor import b64

DAY = timedelta(days=1)


def chained(form: Form) -> bool:
    return form.certified and form.wrap.chained


@defect("SIGN-018", where=certified)
def leaf_by_stranger(order: Order) -> None:
    """The leaf is issued by an authority that is not in the trust root."""
    order.issuer = stranger().authority


@defect("SIGN-018", where=certified)
def leaf_by_namesake(order: Order) -> None:
    """The leaf is issued by an authority that bears the trusted one's names."""
    order.issuer = Authority("acme fulcio", SPAN, seed=" of somebody else")


@defect("SIGN-018", where=certified)
def leaf_with_another_issuer(order: Order) -> None:
    """The trusted authority's key signed the leaf, which names somebody else as its issuer."""
    order.issuer = Authority("acme fulcio", SPAN)
    order.issuer.name = name("somebody else")


@defect("SIGN-017", where=chained)
def chain_of_stranger(order: Order) -> None:
    """The leaf's true issuer stands in the chain beside it (with its root, in annotations); nobody trusts it."""
    order.issuer = stranger().authority
    order.chain = (stranger().authority.intermediate,)


@defect("SIGN-017", where=both(chained, bundled))
def chain_with_root(order: Order) -> None:
    """The bundle's chain goes up to the root."""
    order.chain = (order.issuer.intermediate, order.issuer.root)


@defect("TIME-011", where=vouched)
def no_sct(order: Order) -> None:
    """The leaf carries no SCT."""
    order.submissions = ()


@defect("TIME-011", where=vouched)
def sct_by_stranger(order: Order) -> None:
    """The leaf's only SCT is by a log that is not in the trust root."""
    order.submissions = (Submission(log=stranger().ct_log),)


@defect("TIME-011", where=vouched)
def sct_of_another_certificate(order: Order) -> None:
    """The leaf's SCT is genuine, of another certificate."""
    order.submissions = (Submission(log=order.instance.ct_log, tbs=b"another certificate"),)


@defect("TIME-011", where=vouched)
def sct_of_another_issuer(order: Order) -> None:
    """The leaf's SCT was signed over the key of another issuer."""
    order.submissions = (Submission(log=order.instance.ct_log, issuer_spki=order.issuer.root_spki),)


@defect("TIME-011", where=vouched)
def sct_extensions_changed(order: Order) -> None:
    """The SCT states extensions that its signature does not cover."""
    order.submissions = (Submission(log=order.instance.ct_log, stated=b"\x00\x00\x05\x00\x00\x00\x00\x07", hashed=b""),)


def _window(entry: Json, **window: str) -> None:
    entry["validFor"] = {"start": rfc3339(SPAN.start), **window}


@defect("TIME-009", where=vouched)
def ct_log_ended(order: Order) -> None:
    """The CT log's window ended before its SCT."""
    order.on_root = lambda root: _window(root["ctlogs"][0]["publicKey"], end=rfc3339(SIGNED - DAY))


@defect("TIME-009", where=vouched)
def ct_log_not_begun(order: Order) -> None:
    """The CT log's window began after its SCT."""
    order.on_root = lambda root: _window(root["ctlogs"][0]["publicKey"], start=rfc3339(SIGNED + DAY))


@defect("TIME-009", where=certified)
def authority_ended(order: Order) -> None:
    """The certificate authority's window ended before the signing."""
    order.on_root = lambda root: _window(root["certificateAuthorities"][0], end=rfc3339(SIGNED - DAY))


@defect("TIME-009", where=certified)
def authority_not_begun(order: Order) -> None:
    """The certificate authority's window began after the signing."""
    order.on_root = lambda root: _window(root["certificateAuthorities"][0], start=rfc3339(SIGNED + DAY))


@defect("TIME-009", where=certified)
def intermediate_expired(order: Order) -> None:
    """The intermediate's certificate ended before the signing."""
    expired = order.issuer.certify(Span(start=SPAN.start, end=SIGNED - DAY))

    def change(root: Json) -> None:
        root["certificateAuthorities"][0]["certChain"]["certificates"][0] = {"rawBytes": b64(expired)}

    order.chain, order.on_root = (expired,), change
