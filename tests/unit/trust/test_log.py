"""Log entries against logs that sign what each test says."""

import base64
import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace

from controller.core.errors import NotVerified
from controller.core.window import Window
from controller.trust.keys import public_key_of_der
from controller.trust.log import CertificateVerifier, KeyVerifier, TransparencyLog, Verifier, verify_entry
from controller.trust.merkle import leaf_hash, node_hash
from controller.wire.candidate import Container
from controller.wire.rekor import InclusionProof, LogEntry
from controller.wire.signed import SignedContent
from tests.support import logbodies

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
INTEGRATED = NOW - timedelta(minutes=5)
CERTIFICATE = CertificateVerifier(b"certificate")
SIGNATURE, PAYLOAD, PAYLOAD_TYPE, ENVELOPE = (
    b"signature",
    b"payload",
    "application/vnd.in-toto+json",
    b'{"an":"envelope"}',
)
MESSAGE = b"DSSEv1 28 application/vnd.in-toto+json 7 payload"
SIGNED = SignedContent(
    container=Container.BUNDLE,
    payload_type=PAYLOAD_TYPE,
    payload=PAYLOAD,
    message=MESSAGE,
    signatures=(SIGNATURE,),
)
LAYER = replace(SIGNED, container=Container.ENVELOPE, envelope=ENVELOPE)
FILE = replace(SIGNED, payload_type="", payload=b"", message=b"", digest=hashlib.sha256(MESSAGE).digest())
ARTIFACT = replace(SIGNED, payload_type="", payload=MESSAGE)
SIMPLE = replace(SIGNED, container=Container.SIMPLE_SIGNING, message=PAYLOAD, payload_type="")

PEM = logbodies.pem("CERTIFICATE", CERTIFICATE.der)
DSSE = logbodies.dsse_001(PAYLOAD, ENVELOPE, SIGNATURE, PEM)
RECORD = logbodies.hashedrekord_001(MESSAGE, SIGNATURE, PEM)
REKORD = logbodies.rekord_001(MESSAGE, SIGNATURE, PEM)
TILE = logbodies.hashedrekord_002(MESSAGE, SIGNATURE, CERTIFICATE.der, None)
INTOTO_1 = logbodies.intoto_001(PAYLOAD, ENVELOPE, PEM)
INTOTO_2 = logbodies.intoto_002(PAYLOAD, PAYLOAD_TYPE, SIGNATURE, PEM)


class Log:
    """A log with one key: Rekor v1 with ECDSA, or v2 with Ed25519."""

    def __init__(self, *, ed: bool = False) -> None:
        self.key = ed25519.Ed25519PrivateKey.generate() if ed else ec.generate_private_key(ec.SECP256R1())
        self.name, self.origin = ("log.example:8443", f"log.example:8443{'' if ed else ' - 4711'}")
        spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.key_id = hashlib.sha256(f"{self.name}\n\x01".encode() + spki[-32:] if ed else spki).digest()
        self.trusted = TransparencyLog(
            base_url=f"https://{self.name}/",
            key_id=self.key_id,
            key=public_key_of_der(spki, None),
            valid=Window(start=NOW - timedelta(days=30), end=NOW + timedelta(days=30)),
        )

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def line(self, note: str, *, name: str | None = None, hint: bytes | None = None) -> str:
        return note_line(name or self.name, self.key_id[:4] if hint is None else hint, self.sign(note.encode()))

    def note(self, root: bytes, size: int = 1, *, origin: str | None = None) -> str:
        return f"{origin or self.origin}\n{size}\n{base64.b64encode(root).decode()}\n"

    def included(self, body: bytes, **changes: Any) -> InclusionProof:
        """The first entry of its tree, with what the note or the proof is to say instead."""
        root = leaf_hash(body)
        note = self.note(changes.get("root_hash", root), changes.get("size", 1), origin=changes.get("origin"))
        checkpoint = f"{note}\n{self.line(note)}"
        proof = InclusionProof(log_index=0, root_hash=root, tree_size=1, hashes=(), checkpoint=checkpoint)
        return replace(proof, **{name: value for name, value in changes.items() if name not in {"size", "origin"}})

    def entry(self, body: dict[str, Any], *, at: datetime | None = INTEGRATED, index: int = 7) -> LogEntry:
        """With a signed entry timestamp where there is a time, as Rekor v1 gives it, and with a proof."""
        content = logbodies.encode(body)
        entry = LogEntry(
            log_index=index,
            log_id=self.key_id,
            kind=body["kind"],
            version=body["apiVersion"],
            integrated_time=int(at.timestamp()) if at else None,
            body=content,
            signed_entry_timestamp=None,
            inclusion=self.included(content),
        )
        return replace(entry, signed_entry_timestamp=self.sign(promise(entry))) if at else entry


def note_line(name: str, hint: bytes, signature: bytes) -> str:
    return f"— {name} {base64.b64encode(hint + signature).decode()}\n"


def promise(entry: LogEntry) -> bytes:
    document = {
        "body": base64.b64encode(entry.body).decode(),
        "integratedTime": entry.integrated_time,
        "logID": entry.log_id.hex(),
        "logIndex": entry.log_index,
    }
    return json.dumps(document, separators=(",", ":")).encode()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a verification is asked; the defaults are those of a bundle."""

    signed: SignedContent = SIGNED
    signature: bytes = SIGNATURE
    verifier: Verifier = CERTIFICATE
    logs: tuple[TransparencyLog, ...] = ()
    proof_required: bool = True
    now: datetime = NOW
    times: tuple[datetime, ...] = field(default=())


def verified(entry: LogEntry, log: Log, asked: Asked | None = None) -> datetime | None:
    asked = asked or Asked()
    return verify_entry(
        entry,
        signed=asked.signed,
        signature=asked.signature,
        verifier=asked.verifier,
        logs=asked.logs or (log.trusted,),
        proof_required=asked.proof_required,
        now=asked.now,
        times=asked.times,
    )


def refused(entry: LogEntry, log: Log, told: str, asked: Asked | None = None) -> None:
    with pytest.raises(NotVerified, match=told):
        verified(entry, log, asked)


@pytest.fixture(scope="module")
def log() -> Log:
    return Log()


@pytest.fixture(scope="module")
def tiles() -> Log:
    return Log(ed=True)


@pytest.mark.case("TIME-024")
@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (DSSE, SIGNED),
        (DSSE, LAYER),
        (RECORD, SIGNED),
        (RECORD, FILE),
        (INTOTO_1, LAYER),
        (INTOTO_2, SIGNED),
        (INTOTO_2, LAYER),
        (logbodies.hashedrekord_001(PAYLOAD, SIGNATURE, PEM), SIMPLE),
        (logbodies.rekord_001(PAYLOAD, SIGNATURE, PEM), SIMPLE),
        (REKORD, FILE),
    ],
)
def test_every_kind_done_right_shows_its_integrated_time(log: Log, body: dict[str, Any], signed: SignedContent) -> None:
    assert verified(log.entry(body), log, Asked(signed=signed)) == INTEGRATED


@pytest.mark.case("TIME-024")
@pytest.mark.parametrize("signed", [SIGNED, FILE, ARTIFACT], ids=["bundle", "file", "digest"])
def test_a_tile_log_shows_no_time(tiles: Log, signed: SignedContent) -> None:
    assert verified(tiles.entry(TILE, at=None), tiles, Asked(signed=signed, times=(INTEGRATED,))) is None


@pytest.mark.case("TIME-006")
def test_a_promise_by_a_tile_log_is_none(tiles: Log, log: Log) -> None:
    for each in (tiles, log):
        refused(each.entry(TILE), each, "Rekor v2")


@pytest.mark.case("TIME-023")
@pytest.mark.parametrize(
    ("body", "signed", "told"),
    [
        (logbodies.hashedrekord_001(b"other", SIGNATURE, PEM), SIGNED, "other signed bytes"),
        (logbodies.hashedrekord_001(PAYLOAD, SIGNATURE, PEM), SIGNED, "other signed bytes"),
        (logbodies.rekord_001(b"other", SIGNATURE, PEM), SIMPLE, "other signed bytes"),
        (logbodies.hashedrekord_001(b"other", SIGNATURE, PEM), FILE, "other signed bytes"),
        (logbodies.hashedrekord_002(b"other", SIGNATURE, CERTIFICATE.der, None), SIGNED, "other signed bytes"),
        (logbodies.dsse_001(b"other", ENVELOPE, SIGNATURE, PEM), SIGNED, "another payload"),
        (logbodies.dsse_001(PAYLOAD, b"other", SIGNATURE, PEM), LAYER, "another envelope"),
        (logbodies.intoto_001(b"other", ENVELOPE, PEM), LAYER, "another payload"),
        (logbodies.intoto_001(PAYLOAD, b"other", PEM), LAYER, "another envelope"),
        (logbodies.intoto_002(b"other", PAYLOAD_TYPE, SIGNATURE, PEM), SIGNED, "another payload"),
        (logbodies.intoto_002(PAYLOAD, "text/plain", SIGNATURE, PEM), SIGNED, "payload type"),
        (logbodies.dsse_001(b"", ENVELOPE, SIGNATURE, PEM), FILE, "no envelope"),
        (DSSE, SIMPLE, "no envelope"),
        (logbodies.dsse_001(MESSAGE, ENVELOPE, SIGNATURE, PEM), ARTIFACT, "no envelope"),
        (logbodies.hashedrekord_001(b"", SIGNATURE, PEM), FILE, "other signed bytes"),
        (INTOTO_1, SIGNED, "does not bind the signature of a bundle"),
    ],
)
def test_an_entry_of_other_content_is_refused(log: Log, body: dict[str, Any], signed: SignedContent, told: str) -> None:
    refused(log.entry(body), log, told, Asked(signed=signed))


@pytest.mark.parametrize("form", ["pgp", "minisign", "ssh", "X509", ""])
def test_a_rekord_entry_is_of_a_plain_signature(log: Log, form: str) -> None:
    refused(log.entry(logbodies.rekord_001(MESSAGE, SIGNATURE, PEM, form=form)), log, "of format .* are not known")


@pytest.mark.case("TIME-004")
@pytest.mark.case("KEY-018")
@pytest.mark.parametrize("body", [DSSE, RECORD, REKORD, TILE, INTOTO_2])
def test_a_genuine_entry_of_another_signature_is_refused(log: Log, body: dict[str, Any]) -> None:
    refused(log.entry(body), log, "another signature", Asked(signature=b"other"))


@pytest.mark.case("TIME-004")
@pytest.mark.parametrize("body", [DSSE, RECORD, REKORD, TILE, INTOTO_2, INTOTO_1])
def test_a_genuine_entry_of_another_certificate_is_refused(log: Log, body: dict[str, Any]) -> None:
    asked = Asked(signed=LAYER, verifier=CertificateVerifier(b"other"))
    refused(log.entry(body), log, "another certificate or key", asked)


@pytest.mark.case("KEY-018")
def test_an_entry_of_a_key_is_not_one_of_a_certificate(log: Log) -> None:
    key = KeyVerifier(log.trusted.key)
    spki = log.trusted.key.spki
    body = logbodies.hashedrekord_001(MESSAGE, SIGNATURE, logbodies.pem("PUBLIC KEY", spki))
    assert verified(log.entry(body), log, Asked(verifier=key)) == INTEGRATED
    refused(log.entry(body), log, "another certificate", Asked(verifier=CertificateVerifier(spki)))
    refused(log.entry(RECORD), log, "another certificate", Asked(verifier=key))


@pytest.mark.parametrize("change", [{"kind": "dsse"}, {"version": "0.0.2"}])
def test_kind_and_version_beside_the_body_are_the_bodys(log: Log, change: dict[str, str]) -> None:
    refused(replace(log.entry(RECORD), **change), log, "another kind")
    assert verified(replace(log.entry(RECORD), kind=None, version=None), log) == INTEGRATED


@pytest.mark.case("PARSE-001")
def test_a_body_of_two_meanings_is_refused(log: Log) -> None:
    entry = log.entry(RECORD)
    refused(replace(entry, body=b'{"kind":"",' + entry.body[1:]), log, "duplicate key")


@pytest.mark.case("TIME-003")
def test_a_time_without_its_signature_is_no_time(log: Log) -> None:
    unsigned = replace(log.entry(RECORD), signed_entry_timestamp=None)
    assert verified(unsigned, log) is None
    refused(replace(log.entry(RECORD), signed_entry_timestamp=b""), log, "not by the log")
    refused(replace(unsigned, inclusion=None), log, "neither", Asked(proof_required=False))


@pytest.mark.case("TIME-003")
@pytest.mark.parametrize(
    "change", [{"integrated_time": int(INTEGRATED.timestamp()) - 1}, {"log_index": 8}, {"signed_entry_timestamp": b"x"}]
)
def test_a_changed_promise_is_refused(log: Log, change: dict[str, Any]) -> None:
    refused(replace(log.entry(RECORD), **change), log, "signed entry timestamp is not by the log")


def raw(signature: bytes) -> bytes:
    """The two integers side by side, as JWS would have them."""
    return b"".join(number.to_bytes(32) for number in decode_dss_signature(signature))


@pytest.mark.case("KEY-004")
def test_a_promise_and_a_checkpoint_are_signed_in_der(log: Log) -> None:
    entry = log.entry(RECORD)
    assert entry.signed_entry_timestamp is not None
    refused(replace(entry, signed_entry_timestamp=raw(entry.signed_entry_timestamp)), log, "not by the log")
    note = log.note(leaf_hash(entry.body))
    line = note_line(log.name, log.key_id[:4], raw(log.sign(note.encode())))
    refused(
        replace(entry, inclusion=log.included(entry.body, checkpoint=f"{note}\n{line}")), log, "not signed by the log"
    )


@pytest.mark.case("TIME-028")
def test_a_promise_suffices_only_where_no_proof_is_required(log: Log) -> None:
    entry = replace(log.entry(RECORD), inclusion=None)
    assert verified(entry, log, Asked(proof_required=False)) == INTEGRATED
    refused(entry, log, "no inclusion proof")


@pytest.mark.case("TIME-028")
def test_a_proof_that_is_not_required_must_hold_all_the_same(log: Log) -> None:
    entry = log.entry(RECORD)
    broken = replace(entry, inclusion=log.included(entry.body, checkpoint=""))
    refused(broken, log, "checkpoint", Asked(proof_required=False))


@pytest.mark.case("TIME-006")
def test_a_tile_log_without_proof_has_nothing(tiles: Log) -> None:
    entry = replace(tiles.entry(TILE, at=None), inclusion=None)
    refused(entry, tiles, "neither", Asked(proof_required=False))


@pytest.mark.case("TIME-005")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"root_hash": b"r" * 32}, "does not lead"),
        ({"hashes": (b"h" * 32,), "tree_size": 2, "size": 2}, "does not lead"),
        ({"size": 2}, "another size"),
        ({"origin": "log.example:8443 - x"}, "not of the log"),
        ({"origin": "log.example:8443 - "}, "not of the log"),
        ({"origin": "log.example:8443 - 123456789012345678901"}, "not of the log"),
        ({"origin": " - 4711"}, "not of the log"),
        ({"origin": "log.example:8443"}, "not of the log"),
        ({"origin": "rekor-0 - 4711"}, "not signed by the log"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(log: Log, changes: dict[str, Any], told: str) -> None:
    entry = log.entry(RECORD)
    refused(replace(entry, inclusion=log.included(entry.body, **changes)), log, told)


@pytest.mark.parametrize("host", ["rekor-00001-deployment-5c7d", "localhost"])
def test_a_log_of_rekor_v1_may_sign_as_the_host_it_runs_on(log: Log, host: str) -> None:
    """A server that is not told a name signs as its pod, whatever URL the trusted root has for it."""
    entry = log.entry(RECORD)
    note = log.note(leaf_hash(entry.body), origin=f"{host} - 636")
    checkpoint = f"{note}\n{log.line(note, name=host)}"
    assert verified(replace(entry, inclusion=log.included(entry.body, checkpoint=checkpoint)), log) == INTEGRATED


@pytest.mark.case("TIME-005")
@pytest.mark.parametrize("name", ["rekor-1", "log.example:8443"])
def test_a_log_of_rekor_v1_signs_in_the_name_of_its_origin(log: Log, name: str) -> None:
    entry = log.entry(RECORD)
    note = log.note(leaf_hash(entry.body), origin="rekor-0 - 636")
    proof = log.included(entry.body, checkpoint=f"{note}\n{log.line(note, name=name)}")
    refused(replace(entry, inclusion=proof), log, "not signed by the log")


@pytest.mark.case("TIME-005")
@pytest.mark.parametrize("origin", ["evil.example", "log.example", "log.example:8443 - 4711", "log.example:8443/"])
def test_a_tile_log_has_one_origin(tiles: Log, origin: str) -> None:
    """Signed by the log's key, in the origin's own name and in the log's."""
    entry = tiles.entry(TILE, at=None)
    note = tiles.note(leaf_hash(entry.body), origin=origin)
    for name in (tiles.name, origin.partition(" ")[0]):
        proof = tiles.included(entry.body, checkpoint=f"{note}\n{tiles.line(note, name=name)}")
        refused(replace(entry, inclusion=proof), tiles, "not of the log", Asked(times=(INTEGRATED,)))


@pytest.mark.case("TIME-005")
def test_the_proofs_root_alone_is_no_ones_word(log: Log) -> None:
    """The proof is fine in itself; the signed note is about another root."""
    entry = log.entry(RECORD)
    note = log.note(b"r" * 32)
    proof = log.included(entry.body, checkpoint=f"{note}\n{log.line(note)}")
    refused(replace(entry, inclusion=proof), log, "does not lead")
    refused(replace(entry, inclusion=replace(log.included(entry.body), root_hash=b"r" * 32)), log, "does not lead")


@pytest.mark.case("TIME-005")
@pytest.mark.parametrize("kind", ["log", "tiles"])
def test_a_checkpoint_is_signed_by_the_log(kind: str, request: pytest.FixtureRequest) -> None:
    log: Log = request.getfixturevalue(kind)
    entry = log.entry(RECORD if kind == "log" else TILE, at=INTEGRATED if kind == "log" else None)
    note = log.note(leaf_hash(entry.body))
    lines = {
        "another key": note_line(log.name, log.key_id[:4], Log(ed=kind == "tiles").sign(note.encode())),
        "another name": log.line(note, name="witness.example"),
        "another hint": log.line(note, hint=b"none"),
        "another note": log.line(note + "x\n"),
    }
    for line in lines.values():
        proof = log.included(entry.body, checkpoint=f"{note}\n{line}")
        refused(replace(entry, inclusion=proof), log, "not signed by the log")


@pytest.mark.case("TIME-018")
@pytest.mark.parametrize("kind", ["log", "tiles"])
def test_signatures_of_others_are_tolerated_in_any_order(kind: str, request: pytest.FixtureRequest) -> None:
    log: Log = request.getfixturevalue(kind)
    entry = log.entry(RECORD if kind == "log" else TILE, at=INTEGRATED if kind == "log" else None)
    note = log.note(leaf_hash(entry.body))
    witness = note_line("witness.example", b"\x04abc", b"cosignature")
    unknown = note_line(log.name, b"none", b"of the same name")
    for order in ((witness, unknown, log.line(note)), (log.line(note), witness), (log.line(note), log.line(note))):
        proof = log.included(entry.body, checkpoint=f"{note}\n{''.join(order)}")
        assert verified(replace(entry, inclusion=proof), log) == (INTEGRATED if kind == "log" else None)


def test_a_later_entry_is_proven_by_its_path(log: Log) -> None:
    entry = log.entry(RECORD)
    root = node_hash(b"l" * 32, leaf_hash(entry.body))
    note = log.note(root, 2)
    checkpoint = f"{note}\n{log.line(note)}"
    proof = InclusionProof(log_index=1, root_hash=root, tree_size=2, hashes=(b"l" * 32,), checkpoint=checkpoint)
    assert verified(replace(entry, inclusion=proof), log) == INTEGRATED


@pytest.mark.case("TIME-019")
@pytest.mark.parametrize(
    "changes", [{"log_index": -1}, {"log_index": 1}, {"tree_size": 0, "size": 0}, {"hashes": (b"h" * 32,)}]
)
def test_a_proof_outside_its_tree_is_refused(log: Log, changes: dict[str, Any]) -> None:
    entry = log.entry(RECORD)
    refused(replace(entry, inclusion=log.included(entry.body, **changes)), log, "inclusion proof")


@pytest.mark.case("TIME-019")
@pytest.mark.parametrize("index", [-1, 2**53, 2**400])
def test_an_index_out_of_range_is_refused_though_signed(log: Log, index: int) -> None:
    refused(log.entry(RECORD, index=index), log, "index")


@pytest.mark.case("TIME-026")
def test_the_first_entry_of_a_log_is_like_any_other(log: Log) -> None:
    assert verified(log.entry(RECORD, index=0), log) == INTEGRATED


@pytest.mark.case("TIME-015")
def test_a_time_over_a_day_ahead_is_refused(log: Log) -> None:
    assert verified(log.entry(RECORD, at=NOW + timedelta(hours=24)), log) == NOW + timedelta(hours=24)
    refused(log.entry(RECORD, at=NOW + timedelta(hours=24, seconds=1)), log, "in the future")


@pytest.mark.parametrize("seconds", [None, 0, -1, 2**62, 2**400])
def test_a_time_that_is_none_is_refused_though_signed(log: Log, seconds: int | None) -> None:
    entry = replace(log.entry(RECORD), integrated_time=seconds)
    signed = replace(entry, signed_entry_timestamp=log.sign(promise(replace(entry, integrated_time=seconds or 0))))
    refused(signed, log, "time")


@pytest.mark.case("TIME-009")
@pytest.mark.parametrize("late", [True, False])
def test_the_window_of_the_log_is_closed_at_both_ends(log: Log, *, late: bool) -> None:
    end, beyond = (NOW, NOW + timedelta(seconds=1)) if late else (NOW - timedelta(days=9), NOW - timedelta(days=10))
    window = Window(start=NOW - timedelta(days=9), end=NOW)
    asked = Asked(logs=(dataclasses.replace(log.trusted, valid=window),))
    assert verified(log.entry(RECORD, at=end), log, asked) == end
    refused(log.entry(RECORD, at=beyond), log, "outside the window", asked)


@pytest.mark.case("TIME-009")
def test_without_a_time_of_its_own_the_window_holds_for_every_verified_time(tiles: Log) -> None:
    ended = dataclasses.replace(tiles.trusted, valid=Window(start=NOW - timedelta(days=9), end=NOW - timedelta(days=1)))
    inside, outside = NOW - timedelta(days=2), NOW - timedelta(hours=1)
    entry = tiles.entry(TILE, at=None)
    assert verified(entry, tiles, Asked(logs=(ended,), times=(inside,))) is None
    refused(entry, tiles, "outside the window", Asked(logs=(ended,), times=(inside, outside)))
    refused(entry, tiles, "outside the window", Asked(logs=(ended,)))


def test_an_entry_of_an_unknown_log_is_refused(log: Log, tiles: Log) -> None:
    refused(log.entry(RECORD), tiles, "does not know")
    refused(replace(log.entry(RECORD), log_id=b""), log, "does not know")


def test_of_two_logs_with_one_id_either_may_hold_it(log: Log) -> None:
    gone = dataclasses.replace(log.trusted, valid=Window(start=NOW - timedelta(days=90), end=NOW - timedelta(days=60)))
    for logs in ((gone, log.trusted), (log.trusted, gone)):
        assert verified(log.entry(RECORD), log, Asked(logs=logs)) == INTEGRATED
    refused(log.entry(RECORD), log, "outside the window", Asked(logs=(gone, gone)))


@pytest.mark.case("PARSE-013")
def test_a_broken_note_is_a_refusal(log: Log) -> None:
    entry = log.entry(RECORD)
    note = log.included(entry.body).checkpoint
    for checkpoint in (note.replace("\n", "\r\n"), note + "\0", ""):
        refused(replace(entry, inclusion=log.included(entry.body, checkpoint=checkpoint)), log, "checkpoint")
