"""The matrix: every form of evidence is proven when it is sound, and refused with any single defect."""

from __future__ import annotations

from datetime import datetime

import pytest

from controller.core.evidence import Kind, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.core.signer import CertificateSigner, KeySigner, SubjectType
from tests.support.authority import IDENTITY, ISSUER, NEW_EXTENSIONS, OLD_EXTENSIONS
from tests.support.breaking import Change
from tests.support.bundles import Order, make, order
from tests.support.changes import ALL_DEFECTS, ALL_ODDITIES
from tests.support.entrykinds import EntryKind
from tests.support.forms import FORMS, MESSAGE_FORMS, Form, Wrap
from tests.support.instance import INTEGRATED, STAMPED
from tests.support.rooting import KEYS, judge_order, payload_for
from tests.support.signing import KeyKind

# Every kind of entry done right, once in each container that has it.
ENTRIES = [
    Form(wrap=wrap, entry=kind, stamped=kind is EntryKind.HASHEDREKORD_2)
    for wrap, kinds in {
        Wrap.V03: (EntryKind.DSSE, EntryKind.INTOTO_2, EntryKind.HASHEDREKORD_2),
        Wrap.ATT: (EntryKind.DSSE, EntryKind.INTOTO_1, EntryKind.INTOTO_2),
        Wrap.SIG: (EntryKind.HASHEDREKORD,),
    }.items()
    for kind in kinds
]


def entered(changes: tuple[Change, ...]) -> list[object]:
    """Each change as a parameter, marked with the cases that it stands for."""
    return [
        pytest.param(change, id=change.name, marks=[pytest.mark.case(case) for case in change.cases])
        for change in changes
    ]


def sound(form: Form, kind: KeyKind = KeyKind.P256) -> Order:
    return order(form, payload_for(form), kind=kind)


def proven(judged: tuple[VerifiedStatement, ...] | Refused) -> VerifiedStatement:
    assert not isinstance(judged, Refused), judged.detail
    (statement,) = judged
    return statement


def times_of(form: Form) -> tuple[datetime, ...]:
    return (*([INTEGRATED] if form.promised else []), *([STAMPED] if form.stamped else []))


@pytest.mark.case("TIME-001")
@pytest.mark.parametrize("name", FORMS)
def test_sound_evidence_is_proven_with_its_times(name: str) -> None:
    form = FORMS[name]
    wanted = sound(form)
    found = proven(judge_order(wanted))
    assert found.kind is (Kind.IMAGE_SIGNATURE if form.wrap is Wrap.SIG else Kind.PROVENANCE)
    assert found.payload == Digest.of(wanted.payload)
    assert found.times == times_of(form)


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.certified])
def test_the_signer_is_whom_the_certificate_names(name: str) -> None:
    signer = proven(judge_order(sound(FORMS[name]))).signer
    assert isinstance(signer, CertificateSigner)
    assert (signer.trust_root, signer.issuer) == ("acme", ISSUER)
    assert (signer.subject_type, signer.subject) == (SubjectType.URI, IDENTITY)
    extensions = signer.extensions
    assert extensions.build_signer_uri == NEW_EXTENSIONS[9]
    assert extensions.source_repository_uri == NEW_EXTENSIONS[12]
    assert extensions.token_subject == NEW_EXTENSIONS[24]
    assert extensions.workflow_trigger == OLD_EXTENSIONS[2]
    assert extensions.workflow_ref == OLD_EXTENSIONS[6]


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if not form.certified])
def test_the_signer_is_the_key_that_the_root_lists(name: str) -> None:
    wanted = sound(FORMS[name])
    signer = proven(judge_order(wanted)).signer
    assert signer == KeySigner(trust_root=KEYS, key=f"sha256:{wanted.key.id.hex()}", name="release")


@pytest.mark.case("TIME-024")
@pytest.mark.parametrize("form", ENTRIES, ids=str)
def test_every_kind_of_entry_is_read(form: Form) -> None:
    assert proven(judge_order(sound(form))).signed_at == times_of(form)[0]


@pytest.mark.case("KEY-007")
@pytest.mark.parametrize("kind", KeyKind)
def test_every_kind_of_key_is_read(kind: KeyKind) -> None:
    found = proven(judge_order(sound(Form(wrap=Wrap.V03, certified=False), kind)))
    assert isinstance(found.signer, KeySigner)


@pytest.mark.parametrize("kind", [KeyKind.P384, KeyKind.P521, KeyKind.ED25519, KeyKind.RSA_2048])
def test_certificates_for_every_kind_of_key_are_read(kind: KeyKind) -> None:
    found = proven(judge_order(sound(FORMS["v0.3 dsse"], kind)))
    assert isinstance(found.signer, CertificateSigner)


@pytest.mark.case("BIND-019")
@pytest.mark.parametrize("name", MESSAGE_FORMS)
def test_a_message_signature_is_evidence_about_no_image(name: str) -> None:
    """Genuine in every part, and refused for what it is: findings say NoProvenance and NoSignature."""
    judged = judge_order(sound(MESSAGE_FORMS[name]))
    assert isinstance(judged, Refused)
    assert (judged.kind, judged.step) == (Kind.OTHER, 0)
    assert judged.detail == "a message signature states nothing about what it signed"


@pytest.mark.parametrize("change", entered(ALL_ODDITIES))
def test_what_is_odd_and_sound_is_proven(change: Change) -> None:
    refused = {}
    for name, form in change.forms.items():
        wanted = sound(form)
        change.apply(wanted)
        judged = judge_order(wanted)
        if isinstance(judged, Refused):
            refused[name] = judged.detail
    assert not refused, change.says


@pytest.mark.slow
@pytest.mark.parametrize("change", entered(ALL_DEFECTS))
def test_no_form_with_this_defect_is_proven(change: Change) -> None:
    proven_ones = []
    for name, form in change.forms.items():
        wanted = sound(form)
        change.apply(wanted)
        judged = judge_order(wanted)
        if not isinstance(judged, Refused):
            proven_ones.append(name)
            continue
        assert judged.where == str(Digest.of(make(wanted).content))
        assert judged.step == 0
        assert judged.detail.isprintable()
    assert not proven_ones, change.says
