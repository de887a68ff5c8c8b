"""One bundle in the spellings that protobuf's JSON leaves open, and in those that it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.bundles import Order, make, order
from tests.support.forms import FORMS
from tests.support.foundry import encode, provenance_predicate, statement
from tests.support.judging import SUBJECT, proven, refused
from tests.support.rooting import roots_for

Json = dict[str, Any]
Change = Callable[[Json], object]


def ordered(form: str) -> Order:
    return order(FORMS[form], encode(statement(SUBJECT, predicate=provenance_predicate())))


def material(bundle: Json) -> Json:
    found: Json = bundle["verificationMaterial"]
    return found


def entry(bundle: Json) -> Json:
    found: Json = material(bundle)["tlogEntries"][0]
    return found


def signature(bundle: Json) -> Json:
    found: Json = bundle["dsseEnvelope"]["signatures"][0]
    return found


def without_checkpoint(bundle: Json) -> None:
    entry(bundle)["inclusionProof"]["checkpoint"] = None


def snake_case(bundle: Json) -> None:
    bundle["verification_material"] = bundle.pop("verificationMaterial")


def url_safe_signature(bundle: Json) -> None:
    signed = signature(bundle)
    signed["sig"] = signed["sig"].replace("+", "-").replace("/", "_").rstrip("=")


READ: dict[str, tuple[str, Change]] = {
    "a key without a hint": ("key v0.3", lambda bundle: material(bundle).update(publicKey={})),
    "a hint that is null": ("key v0.3", lambda bundle: material(bundle).update(publicKey={"hint": None})),
    "no log entries, as null": ("key v0.3", lambda bundle: material(bundle).update(tlogEntries=None)),
    "no timestamps, as null": ("v0.3 dsse", lambda bundle: material(bundle).update(timestampVerificationData=None)),
    "no timestamps, as an empty list": (
        "v0.3 dsse",
        lambda bundle: material(bundle).update(timestampVerificationData={"rfc3161Timestamps": []}),
    ),
    "the other content as null": ("v0.3 dsse", lambda bundle: bundle.update(messageSignature=None)),
    "a key id beside the signature": ("v0.3 dsse", lambda bundle: signature(bundle).update(keyid="of any kind")),
    "a signature in the other alphabet": ("v0.3 dsse", url_safe_signature),
    "kind and version not beside the body": ("v0.3 dsse", lambda bundle: entry(bundle).pop("kindVersion")),
    "a promise alone, beside a proof without its checkpoint": ("v0.1 dsse", without_checkpoint),
    "a promise alone, the proof null": ("v0.1 dsse", lambda bundle: entry(bundle).update(inclusionProof=None)),
    "Rekor v2 with an integrated time of zero": (
        "v0.3 Rekor v2",
        lambda bundle: entry(bundle).update(integratedTime="0", inclusionPromise=None),
    ),
    "Rekor v2 with an empty promise": (
        "v0.3 Rekor v2",
        lambda bundle: entry(bundle).update(inclusionPromise={"signedEntryTimestamp": ""}),
    ),
}
REFUSED: dict[str, tuple[str, Change]] = {
    "snake case": ("v0.3 dsse", snake_case),
    "v0.2 without its checkpoint": ("v0.2 dsse", without_checkpoint),
    "v0.3 without its proof": ("v0.3 dsse", lambda bundle: entry(bundle).update(inclusionProof=None)),
    "an integer with a fraction": ("v0.3 dsse", lambda bundle: entry(bundle).update(integratedTime="1.0")),
    "an integer with a blank": ("v0.3 dsse", lambda bundle: entry(bundle).update(logIndex=" 1")),
    "an integer with a leading zero": ("v0.3 dsse", lambda bundle: entry(bundle).update(integratedTime="01")),
    "white space in base64": (
        "v0.3 dsse",
        lambda bundle: signature(bundle).update(sig=signature(bundle)["sig"] + "\n"),
    ),
    "a certificate beside a key": ("v0.3 dsse", lambda bundle: material(bundle).update(publicKey={})),
    "an empty certificate": ("v0.3 dsse", lambda bundle: material(bundle).update(certificate={})),
    "an empty chain": (
        "v0.2 dsse",
        lambda bundle: material(bundle).update(x509CertificateChain={"certificates": []}),
    ),
    "no media type": ("v0.3 dsse", lambda bundle: bundle.pop("mediaType")),
    "a media type with a blank": (
        "v0.2 dsse",
        lambda bundle: bundle.update(mediaType="application/vnd.dev.sigstore.bundle+json; version=0.2"),
    ),
    "the version of another kind beside the body": (
        "v0.3 dsse",
        lambda bundle: entry(bundle).update(kindVersion={"kind": "dsse", "version": "0.0.2"}),
    ),
    "Rekor v2 with a promise": (
        "v0.3 Rekor v2",
        lambda bundle: entry(bundle).update(inclusionPromise={"signedEntryTimestamp": "AAAA"}),
    ),
}


def changed(form: str, change: Change) -> tuple[Order, bytes]:
    wanted = ordered(form)
    bundle = json.loads(make(wanted).content)
    change(bundle)
    return wanted, json.dumps(bundle).encode()


@pytest.mark.parametrize("name", READ)
def test_what_means_the_same_is_read(name: str) -> None:
    wanted, content = changed(*READ[name])
    assert proven(replace(make(wanted).candidate(), content=content), roots_for(wanted)).subject == SUBJECT


@pytest.mark.parametrize("name", REFUSED)
def test_what_protobuf_does_not_write_is_refused(name: str) -> None:
    wanted, content = changed(*REFUSED[name])
    proven(make(wanted).candidate(), roots_for(wanted))
    assert refused(replace(make(wanted).candidate(), content=content), roots_for(wanted)).step == 0
