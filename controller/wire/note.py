"""Signed notes (C2SP signed-note) and the checkpoints of a log in them (C2SP tlog-checkpoint)."""

import binascii
import re

import msgspec

from controller.core.errors import MalformedAttestation

MAX_CHARACTERS = 65_536
MAX_SIGNATURES = 64  # the log's own and its witnesses'
MAX_TREE_SIZE = 2**63 - 1

_SIGNATURE = re.compile(r"— (?P<name>[^\s+]+) (?P<content>[A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_HINT_BYTES = 4


class NoteSignature(msgspec.Struct, frozen=True, kw_only=True):
    """One line below a note: who says he signed, the hint of his key's id, and the signature without the hint."""

    name: str
    hint: bytes
    signature: bytes


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A log's word about its tree, as it claims to be: nothing of it is verified.

    `signed` is what signatures cover: the lines of the note, each with its line end. Lines after the root hash
    (extensions) are signed, and otherwise of no interest.
    """

    origin: str
    tree_size: int
    root_hash: bytes
    signed: bytes
    signatures: tuple[NoteSignature, ...]


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a note that holds a checkpoint.

    Strict: lines end with a line feed, and no other control character is anywhere; exactly one blank line stands
    between note and signatures; at least one signature, at most MAX_SIGNATURES, all well formed; the size is decimal
    without leading zeros, the root hash base64 of 32 bytes. Raises MalformedAttestation.
    """
    note, signatures = _split(text)
    lines = note.split("\n")
    if len(lines) < 3 or not lines[0]:
        raise MalformedAttestation("the checkpoint has no origin, size and root hash")
    return Checkpoint(
        origin=lines[0],
        tree_size=_tree_size(lines[1]),
        root_hash=_root_hash(lines[2]),
        signed=_encoded(f"{note}\n"),
        signatures=tuple(_signature(line) for line in signatures),
    )


def _split(text: str) -> tuple[str, list[str]]:
    if len(text) > MAX_CHARACTERS:
        raise MalformedAttestation(f"the checkpoint is longer than {MAX_CHARACTERS} characters")
    if _CONTROL.search(text):
        raise MalformedAttestation("the checkpoint holds control characters")
    note, blank, block = text.partition("\n\n")
    if not blank or not block.endswith("\n") or "\n\n" in block or block.startswith("\n"):
        raise MalformedAttestation("a checkpoint has exactly one blank line, and signatures below it")
    signatures = block[:-1].split("\n")
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedAttestation(f"the checkpoint has more than {MAX_SIGNATURES} signatures")
    return note, signatures


def _encoded(note: str) -> bytes:
    try:
        return note.encode()
    except UnicodeEncodeError:
        raise MalformedAttestation("the checkpoint holds lone surrogates") from None


def _tree_size(line: str) -> int:
    if not _SIZE.fullmatch(line) or int(line) > MAX_TREE_SIZE:
        raise MalformedAttestation("the size in the checkpoint is not a number of leaves")
    return int(line)


def _root_hash(line: str) -> bytes:
    root_hash = _canonical_base64(line)
    if len(root_hash) != 32:
        raise MalformedAttestation("the root hash in the checkpoint is not a SHA-256")
    return root_hash


def _signature(line: str) -> NoteSignature:
    match = _SIGNATURE.fullmatch(line)
    content = _canonical_base64(match["content"]) if match else b""
    if match is None or len(content) <= _HINT_BYTES:
        raise MalformedAttestation("a signature of the checkpoint is not a name and a signature")
    return NoteSignature(name=match["name"], hint=content[:_HINT_BYTES], signature=content[_HINT_BYTES:])


def _canonical_base64(text: str) -> bytes:
    """Notes know one alphabet, with padding (RFC 4648, 4), and one text for each value."""
    try:
        content = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # binascii.Error and text that is not ASCII included
        content = b""
    if binascii.b2a_base64(content, newline=False).decode() != text:
        raise MalformedAttestation("the checkpoint holds what is not base64")
    return content
