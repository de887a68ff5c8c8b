"""Every defect that verification knows, as the only evidence of an image: what the policy `production` finds then.

That a defect is refused is proven where things are verified; here it is held to the finding and its reason, and what is
odd and sound to being enough.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.core.evidence import Evidence, Refused, VerifiedStatement
from controller.core.matchers import KeyMatcher
from controller.core.reasons import Outcome, Reason
from controller.core.signer import KeySigner
from controller.core.slsa import TrustedBuilder
from controller.core.verdict import Finding
from controller.trust.verify import judge_candidate
from tests.support.authority import IDENTITY
from tests.support.breaking import Change
from tests.support.bundles import Order, order
from tests.support.changes import ALL_DEFECTS, ALL_ODDITIES
from tests.support.defects import Defect, forge
from tests.support.facts import builder, finding, policy
from tests.support.forms import FORMS, Wrap
from tests.support.foundry import Foundry
from tests.support.judging import NOW, SUBJECT
from tests.support.keylessfacts import EXPECTED, named, workflow
from tests.support.rooting import KEYS, judge_order
from tests.unit.trust.test_verify_defects import CASES

IMAGE = f"ghcr.io/acme/shop@{SUBJECT}"
PRODUCTION = policy(build=EXPECTED)
ANOTHER_NAME = {"other_kind_of_name"}  # sound, and nobody's builder


def entered(changes: tuple[Change, ...]) -> list[object]:
    return [
        pytest.param(change, id=change.name, marks=[pytest.mark.case(case) for case in change.cases])
        for change in changes
        if orders(change)
    ]


def orders(change: Change) -> list[str]:
    """The first forms that it can befall, among those that hold provenance: with a certificate, and with a key."""
    names = [name for name, form in change.forms.items() if form.wrap is not Wrap.SIG]
    certified = [name for name in names if FORMS[name].certified]
    return certified[:1] + [name for name in names if name not in certified][:1]


def ordered(name: str) -> Order:
    form = FORMS[name]
    payload = Foundry().provenance(SUBJECT, builder_id=IDENTITY) if form.certified else Foundry().provenance(SUBJECT)
    return order(form, payload)


def found(judged: tuple[VerifiedStatement, ...] | Refused, speaking: TrustedBuilder) -> Finding:
    evidence = Evidence(
        digest=SUBJECT,
        statements=() if isinstance(judged, Refused) else judged,
        refused=(judged,) if isinstance(judged, Refused) else (),
    )
    return finding(PRODUCTION, evidence, speaking, image=IMAGE)


def trusted(wanted: Order) -> TrustedBuilder:
    """The builder whose word this evidence claims to be."""
    if wanted.form.certified:
        return workflow(by=named(root=wanted.instance.name))
    return keyed(KeySigner(trust_root=KEYS, key=f"sha256:{wanted.terms.key.id.hex()}", name="release"))


def keyed(signer: KeySigner) -> TrustedBuilder:
    listed = KeyMatcher(trust_root=signer.trust_root, key=signer.key, label=str(signer))
    return replace(builder(ids=("https://ci.acme.example/builders/*",)), signers=(listed,))


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.wrap is not Wrap.SIG])
def test_sound_provenance_is_enough(name: str) -> None:
    wanted = ordered(name)
    told = found(judge_order(wanted), trusted(wanted))
    assert (told.outcome, told.reason) == (Outcome.PASS, Reason.Satisfied), told.detail


@pytest.mark.slow
@pytest.mark.parametrize("change", entered(ALL_DEFECTS))
def test_with_this_defect_provenance_is_not_verified(change: Change) -> None:
    for name in orders(change):
        wanted = ordered(name)
        change.apply(wanted)
        told = found(judge_order(wanted), trusted(wanted))
        assert (told.outcome, told.reason) == (Outcome.FAIL, Reason.NotVerified), name


@pytest.mark.slow
@pytest.mark.parametrize("change", entered(tuple(one for one in ALL_ODDITIES if one.name not in ANOTHER_NAME)))
def test_however_odd_what_is_sound_is_enough(change: Change) -> None:
    for name in orders(change):
        wanted = ordered(name)
        change.apply(wanted)
        told = found(judge_order(wanted), trusted(wanted))
        assert (told.outcome, told.reason) == (Outcome.PASS, Reason.Satisfied), f"{name}: {told.detail}"


@pytest.mark.parametrize(
    "defect", [pytest.param(defect, marks=pytest.mark.case(case), id=defect.name) for defect, case in CASES.items()]
)
def test_a_statement_with_this_defect_is_not_verified(defect: Defect) -> None:
    foundry = Foundry()
    candidate = forge(foundry, defect, SUBJECT).candidate()
    judged = judge_candidate(candidate, subject=SUBJECT, roots=foundry.roots, now=NOW)
    told = found(judged, keyed(KeySigner(trust_root="acme", key=foundry.key.fingerprint, name="release")))
    assert (told.outcome, told.reason) == (Outcome.FAIL, Reason.NotVerified), told.detail
