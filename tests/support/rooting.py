"""What an order is judged by: its trust roots, and the payload that its form carries."""

from __future__ import annotations

import json

from controller.core.evidence import Refused, VerifiedStatement
from controller.trust.keys import parse_public_key
from controller.trust.root import Require, RootKey, TrustRoot, TrustRoots, compile_sigstore
from controller.trust.verify import judge_candidate
from controller.wire.trustedroot import parse_trusted_root
from tests.support.bundles import Order, make, trusted_root
from tests.support.forms import Form, Wrap
from tests.support.foundry import Foundry
from tests.support.instance import stranger
from tests.support.judging import SUBJECT

KEYS = "keys"


def payload_for(form: Form) -> bytes:
    """Provenance about the subject; under a `.sig` tag its image signature."""
    return Foundry().simple_signing(SUBJECT) if form.wrap is Wrap.SIG else Foundry().provenance(SUBJECT)


def roots_for(order: Order) -> TrustRoots:
    """The order's Sigstore root; for keys the root that lists them too, and a root of another Sigstore."""
    document = trusted_root(order)
    asked = Require(
        transparency_log=order.require.transparency_log,
        signed_timestamp=order.require.signed_timestamp,
        sct=order.require.sct,
    )
    if order.form.certified:
        return _roots(_sigstore(order.instance.name, document, asked))
    terms = order.terms
    key = RootKey(
        name="release",
        key=parse_public_key(terms.key.pem.decode()),
        not_before=terms.not_before,
        not_after=terms.not_after,
        revoked_at=terms.revoked_at,
    )
    return _roots(
        TrustRoot(name=KEYS, keys=(key,), require=asked, time_root=terms.time_root),
        _sigstore(order.instance.name, document, Require.of_sigstore()),
        _sigstore(stranger().name, stranger().trusted_root(), Require.of_sigstore()),
    )


def judge_order(order: Order) -> tuple[VerifiedStatement, ...] | Refused:
    """What the evidence of this order proves about the subject."""
    return judge_candidate(make(order).candidate(), subject=SUBJECT, roots=roots_for(order), now=order.now)


def _sigstore(name: str, document: object, require: Require) -> TrustRoot:
    material = compile_sigstore(parse_trusted_root(json.dumps(document)))
    return TrustRoot(name=name, sigstore=material, require=require)


def _roots(*roots: TrustRoot) -> TrustRoots:
    return TrustRoots(roots={root.name: root for root in roots})
