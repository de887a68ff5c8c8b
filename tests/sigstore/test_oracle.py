"""sigstore-python reads what cosign signed, and what became of it: it must say what Navicert says.

Where it does not, the difference stands in one of two tables with its reason, and a difference that is gone fails too.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from controller.core.image import Digest
from controller.core.signer import CertificateSigner
from tests.support.foundry import Layer
from tests.support.keyless import BLOB, FIRST, RECIPES, Harvest
from tests.support.tampering import (
    CHANGES,
    HARMLESS,
    PROMISE_CHANGES,
    TIMESTAMP_CHANGES,
    changed,
    ended,
    with_parts_of,
    without,
)
from tests.support.trusting import believed, proven, sigstore_root

# (genuine bundle, change): for each of Rekor v2, Rekor v1 alone, and Rekor v1 with a timestamp.
DONORS = {"logged": "reusable", "rekor-v1": "first-entry-rekor-v1", "rekor-v1-timestamp": "first-entry-rekor-v1"}
CHANGED = {
    "logged": {**CHANGES, **TIMESTAMP_CHANGES, **HARMLESS},
    "rekor-v1": {**CHANGES, **PROMISE_CHANGES},
    "rekor-v1-timestamp": {**CHANGES, **PROMISE_CHANGES, **TIMESTAMP_CHANGES, **HARMLESS},
}
# One of its two times is enough: what spoils the other leaves it standing.
TWO_TIMES = {"no promise", "no timestamp", "timestamp of another"}
CHANGED_CASES = [(name, change) for name, changes in CHANGED.items() for change in changes]
PARTS = ("certificateAuthorities", "tlogs", "ctlogs", "timestampAuthorities")
ROOT_CASES = [(name, how, part) for name in DONORS for how in ("strange", "missing", "ended") for part in PARTS]

ONLY_NAVICERT_BELIEVES = {
    "genuine: first-entry": "it wants zero and empty values spelled out",
    "genuine: first-entry-rekor-v1": "it wants zero and empty values spelled out",
    "unknown member": "it knows no unknown members",
    "rekor-v1-timestamp: missing timestampAuthorities": "it refuses a timestamp by a stranger, whatever else holds",
}
ONLY_SIGSTORE_PYTHON_BELIEVES = {
    "ended certificateAuthorities": "it knows no window of a certificate authority",
    "ended ctlogs": "it knows no window of a CT log",
    "ended tlogs": "it knows no window of a log's key",
}


def sigstore_python_believes(layer: Layer, trusted_root: bytes, signer: CertificateSigner, folder: Path) -> bool:
    path = folder / "trusted_root.json"
    path.write_bytes(trusted_root)
    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(path)))
        verifier.verify_dsse(Bundle.from_json(layer.content), Identity(identity=signer.subject, issuer=signer.issuer))
    except Exception:  # noqa: BLE001 (it lets foreign exceptions out: IndexError, ExtensionNotFound, ...)
        return False
    return True


def genuine_signer(sigstore: Harvest, layer: Layer, subject: Digest) -> CertificateSigner:
    signer = proven(layer, subject, sigstore_root(sigstore.trusted_root)).signer
    assert isinstance(signer, CertificateSigner)
    return signer


def agree(case: str, *, ours: bool, theirs: bool) -> None:
    """Both say the same, or the difference is listed under one of these cases: the whole, or its last part."""
    expected = (
        (True, False)
        if _listed(case, ONLY_NAVICERT_BELIEVES)
        else (False, True)
        if _listed(case, ONLY_SIGSTORE_PYTHON_BELIEVES)
        else None
    )
    if expected is None:
        assert ours == theirs, f"{case}: ours {ours}, theirs {theirs}"
    else:
        assert (ours, theirs) == expected, f"{case}: ours {ours}, theirs {theirs}"


def _listed(case: str, table: dict[str, str]) -> bool:
    return case in table or case.partition(": ")[2] in table


BUNDLES = [name for name, recipe in {**RECIPES, **FIRST}.items() if not recipe.legacy and recipe.claims is not None]


@pytest.mark.parametrize("name", BUNDLES)
def test_both_read_genuine_bundles_alike(sigstore: Harvest, tmp_path: Path, name: str) -> None:
    made, root = sigstore.images[name], sigstore_root(sigstore.trusted_root)
    signer = genuine_signer(sigstore, sigstore.images["logged"].signature, sigstore.images["logged"].subject)
    if believed(made.signature, made.subject, root):
        signer = genuine_signer(sigstore, made.signature, made.subject)
    theirs = sigstore_python_believes(made.signature, sigstore.trusted_root, signer, tmp_path)
    agree(f"genuine: {name}", ours=believed(made.signature, made.subject, root), theirs=theirs)


@pytest.mark.case("TIME-004")
@pytest.mark.case("TIME-005")
@pytest.mark.case("TIME-006")
@pytest.mark.case("TIME-016")
@pytest.mark.case("TIME-025")
@pytest.mark.parametrize(("name", "change"), CHANGED_CASES)
def test_both_read_a_changed_bundle_alike(sigstore: Harvest, tmp_path: Path, name: str, change: str) -> None:
    made, donor = sigstore.images[name], sigstore.images[DONORS[name]]
    layer = changed(made.signature, donor.signature, CHANGED[name][change])
    signer = genuine_signer(sigstore, made.signature, made.subject)
    ours = believed(layer, made.subject, sigstore_root(sigstore.trusted_root))
    theirs = sigstore_python_believes(layer, sigstore.trusted_root, signer, tmp_path)
    assert ours == (change in HARMLESS or (name == "rekor-v1-timestamp" and change in TWO_TIMES))
    agree(f"{name}: {change}", ours=ours, theirs=theirs)


@pytest.mark.parametrize(("name", "how", "part"), ROOT_CASES)
def test_both_read_under_a_changed_root_alike(
    sigstore: Harvest, tmp_path: Path, name: str, how: str, part: str
) -> None:
    made, root = sigstore.images[name], sigstore.trusted_root
    trusted_root = {
        "strange": with_parts_of(root, sigstore.strange_root, part),
        "missing": without(root, part),
        "ended": ended(root, part),
    }[how]
    signer = genuine_signer(sigstore, made.signature, made.subject)
    theirs = sigstore_python_believes(made.signature, trusted_root, signer, tmp_path)
    ours = believed(made.signature, made.subject, sigstore_root(trusted_root))
    agree(f"{name}: {how} {part}", ours=ours, theirs=theirs)


def test_both_believe_an_attested_blob(sigstore: Harvest, tmp_path: Path) -> None:
    signer = genuine_signer(sigstore, sigstore.blob_attestation, Digest.of(BLOB))
    assert sigstore_python_believes(sigstore.blob_attestation, sigstore.trusted_root, signer, tmp_path)
