"""The foundry against those who know: sigstore-python and the real cosign read what it makes, where they can.

What they accept of its defects is listed here, each with the reason why Navicert is stricter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity

from tests.support.authority import IDENTITY, ISSUER
from tests.support.breaking import Change
from tests.support.bundles import Order, make, order, trusted_root
from tests.support.changes import ALL_DEFECTS, ALL_ODDITIES
from tests.support.forms import FORMS, MESSAGE_FORMS, Form
from tests.support.registries import Cosign

ARTIFACT = b"the manifest of an image"
# Bundles with a certificate, a log entry with its proof, and no kind of entry older than dsse.
READ_BY_SIGSTORE_PYTHON = (
    "v0.3 dsse",
    "v0.3 dsse stamped",
    "v0.3 dsse stamped, no promise",
    "v0.3 Rekor v2",
    "v0.2 dsse",
    "v0.1 dsse",
)
ACCEPTED_BY_SIGSTORE_PYTHON = {
    "integrated_in_the_future": "it takes the log's word for the time",
    "log_ended": "it knows no window of a log's key",
    "log_not_begun": "it knows no window of a log's key",
    "authority_ended": "it knows no window of a certificate authority",
    "authority_not_begun": "it knows no window of a certificate authority",
    "ct_log_ended": "it knows no window of a CT log",
    "ct_log_not_begun": "it knows no window of a CT log",
    "timestamp_required": "it has no such setting",
    "chain_with_root": "it drops all but the leaf",
    "certificates_too_many": "it drops all but the leaf",
    "two_names": "its policy looks for one of them",
    "two_kinds_of_name": "its policy looks for one of them",
    "triggers_disagree": "it compares no extensions",
    "commits_disagree": "it compares no extensions",
    "repositories_disagree": "it compares no extensions",
    "refs_disagree": "it compares no extensions",
    "issuer_with_trailing_bytes": "its policy reads extension 1 alone",
    "issuer_without_tag": "its policy reads extension 1 alone",
    "payload_type_of_another_kind": "it leaves the payload type to the caller",
    "signature_of_foreign_base64": "its base64 skips what it does not know",
    "body_of_foreign_base64": "its base64 skips what it does not know",
    "body_with_duplicate_key": "its JSON takes the last of several",
    "checkpoint_of_another_origin": "it knows no origins",
    "checkpoint_in_another_name": "it goes by the hint of the key alone",
    "checkpoint_of_no_tree": "it knows no origins",
    "checkpoint_of_another_size": "it compares the root alone",
    "checkpoint_with_nul": "it splits the note into lines and no more",
    "checkpoint_of_many_signatures": "it counts no signatures",
    "checkpoint_of_spelled_size": "it takes any number that int() reads",
    "checkpoint_of_foreign_base64": "its base64 skips what it does not know",
    "stamp_of_another_content": "its RFC 3161 library does not compare the content type",
}
REFUSED_BY_SIGSTORE_PYTHON = {
    "sct_by_two_logs": "it wants exactly one",
    "no_sct_required": "it has no such setting",
    "other_kind_of_name": "its policy knows no such name",
    "new_extensions_only": "its policy reads extension 1 alone",
    "stamped_at_the_end_of_the_authority": "its windows are open at the end",
    "first_entry": "it wants zero and empty values spelled out",
    "no_proof_in_v01": "it wants a proof always",
    "numbers_as_numbers": "it wants 64-bit values as strings",
    "unpadded_base64": "it knows no such base64",
    "url_safe_base64": "it knows no such base64",
    "unknown_fields": "it knows no unknown fields",
    "leaf_on_p384": "it hashes what is in envelopes with SHA-256, whatever the key",
    "leaf_on_p384_over_sha256": "in Rekor v2's entries it wants the curve's own hash",
    "leaf_on_p521_over_sha256": "in Rekor v2's entries it wants the curve's own hash",
}


def payload() -> bytes:
    subject = [{"name": "acme/shop", "digest": {"sha256": hashlib.sha256(ARTIFACT).hexdigest()}}]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    return json.dumps(statement).encode()


def believed_by_sigstore_python(wanted: Order, folder: Path) -> bool:
    path = folder / "trusted_root.json"
    path.write_text(json.dumps(trusted_root(wanted)))
    policy = Identity(identity=IDENTITY, issuer=ISSUER)
    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(path)))
        bundle = Bundle.from_json(make(wanted).content)
        if wanted.form.message:
            verifier.verify_artifact(wanted.payload, bundle, policy)
        else:
            verifier.verify_dsse(bundle, policy)
    except Exception:  # noqa: BLE001  # it lets foreign exceptions out: ExtensionNotFound, TypeError, ...
        return False
    return True


def readings(change: Change) -> Iterator[tuple[str, Order]]:
    """The change in each form that sigstore-python reads."""
    for name in READ_BY_SIGSTORE_PYTHON:
        if name in change.forms:
            wanted = order(FORMS[name], payload())
            change.apply(wanted)
            yield name, wanted


@pytest.mark.parametrize("name", [*READ_BY_SIGSTORE_PYTHON, *MESSAGE_FORMS])
def test_sigstore_python_believes_what_is_sound(name: str, tmp_path: Path) -> None:
    assert believed_by_sigstore_python(order({**FORMS, **MESSAGE_FORMS}[name], payload()), tmp_path)


@pytest.mark.parametrize("change", ALL_DEFECTS, ids=lambda change: change.name)
def test_sigstore_python_refuses_what_is_broken_but_for_what_it_does_not_look_at(
    change: Change, tmp_path: Path
) -> None:
    believed = {name for name, wanted in readings(change) if believed_by_sigstore_python(wanted, tmp_path)}
    assert bool(believed) == (change.name in ACCEPTED_BY_SIGSTORE_PYTHON), believed


@pytest.mark.parametrize("change", ALL_ODDITIES, ids=lambda change: change.name)
def test_sigstore_python_believes_what_is_odd_but_for_what_it_cannot_read(change: Change, tmp_path: Path) -> None:
    refused = {name for name, wanted in readings(change) if not believed_by_sigstore_python(wanted, tmp_path)}
    assert bool(refused) == (change.name in REFUSED_BY_SIGSTORE_PYTHON), refused


def believed_by_cosign(cosign: Cosign, wanted: Order, folder: Path) -> bool:
    form = wanted.form
    paths = {name: folder / name for name in ("bundle", "root", "key.pem", "artifact")}
    paths["bundle"].write_bytes(make(wanted).content)
    paths["root"].write_text(json.dumps(trusted_root(wanted)))
    paths["key.pem"].write_bytes(wanted.key.pem)
    paths["artifact"].write_bytes(wanted.payload if form.message else ARTIFACT)
    try:
        cosign.run(
            "verify-blob" if form.message else "verify-blob-attestation",
            *("--bundle", paths["bundle"], "--trusted-root", paths["root"]),
            *_expecting(form, paths["key.pem"]),
            *([] if form.message else ["--type", "slsaprovenance1"]),
            paths["artifact"],
        )
    except CalledProcessError:
        return False
    return True


def _expecting(form: Form, key: Path) -> list[str | Path]:
    identity: list[str | Path] = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER]
    log = [] if form.entry else ["--insecure-ignore-tlog=true"]
    stamps = ["--use-signed-timestamps"] if form.stamped else []
    unpromised = [] if form.sct else ["--insecure-ignore-sct=true"]
    return [*(identity if form.certified else ["--key", key]), *log, *stamps, *unpromised]


BUNDLED = {name: form for name, form in {**FORMS, **MESSAGE_FORMS}.items() if form.bundled}


@pytest.mark.parametrize("name", BUNDLED)
def test_cosign_believes_every_sound_bundle(name: str, cosign: Cosign, tmp_path: Path) -> None:
    assert believed_by_cosign(cosign, order(BUNDLED[name], payload()), tmp_path)


REFUSED_BY_BOTH = (
    "leaf_by_namesake",
    "leaf_for_servers",
    "sct_by_stranger",
    "certificate_of_another_key",
    "promise_of_another_entry",
    "entry_of_another_signature",
    "entry_of_another_payload",
    "integrated_after",
    "checkpoint_by_stranger",
    "proof_hash_flipped",
    "payload_changed",
)


@pytest.mark.parametrize(
    "change", [c for c in ALL_DEFECTS if c.name in REFUSED_BY_BOTH], ids=lambda change: change.name
)
def test_cosign_refuses_what_is_broken(change: Change, cosign: Cosign, tmp_path: Path) -> None:
    wanted = order(FORMS["v0.3 dsse"], payload())
    change.apply(wanted)
    assert not believed_by_cosign(cosign, wanted, tmp_path)
