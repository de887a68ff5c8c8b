"""Defects of inclusion proofs and of the checkpoints that they lead to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from tests.support.breaking import Json, both, defect, proven, without
from tests.support.bundles import Order
from tests.support.forms import Form, Wrap
from tests.support.instance import SIGNED, stranger
from tests.support.rekor import Log, b64, cosignature
from tests.support.signing import KeyPair

Editing = Callable[[Json], object]


def mandatory(form: Form) -> bool:
    """From v0.2 on a proof with its checkpoint must be there; in v0.1 a promise is enough (TIME-028)."""
    return form.proven and form.wrap is not Wrap.V01


def _log(order: Order) -> Log:
    return order.instance.rekor_v2 if order.form.logged_by_v2 else order.rekor


def _proof(order: Order, change: Editing) -> None:
    def edit(entry: Json) -> None:
        change(entry["inclusionProof"])

    order.on_entry = edit


def _note(order: Order, change: Callable[[str], str]) -> None:
    """Rewrite the text of the checkpoint."""
    _proof(order, lambda proof: proof["checkpoint"].update(envelope=change(proof["checkpoint"]["envelope"])))


def _resigned(order: Order, change: Callable[[str], str]) -> None:
    """Rewrite what the checkpoint says, and let the log sign that."""

    def rewrite(envelope: str) -> str:
        text = change(envelope.split("\n\n", maxsplit=1)[0] + "\n")
        return f"{text}\n{_log(order).signature_line(text)}"

    _note(order, rewrite)


@defect("TIME-028", where=mandatory)
def no_proof(order: Order) -> None:
    """There is no inclusion proof."""
    order.on_entry = lambda entry: entry.pop("inclusionProof")


@defect("TIME-028", where=mandatory)
def no_checkpoint(order: Order) -> None:
    """The inclusion proof leads to no checkpoint."""
    _proof(order, lambda proof: proof.pop("checkpoint"))


@defect("TIME-005", where=proven)
def checkpoint_by_stranger(order: Order) -> None:
    """The checkpoint is signed by an unknown key, in the log's name and with the hint of its key."""

    def change(envelope: str) -> str:
        text = envelope.split("\n\n", maxsplit=1)[0] + "\n"
        key = KeyPair("a stranger's log", _log(order).key.kind)
        return f"{text}\n\u2014 {_log(order).host} {b64(_log(order).id[:4] + key.sign(text.encode()))}\n"

    _note(order, change)


@defect("TIME-005", where=proven)
def checkpoint_by_unknown_log(order: Order) -> None:
    """The checkpoint is signed by a log that is not in the trust root, in its own name and with its own hint."""

    def change(envelope: str) -> str:
        text = envelope.split("\n\n", maxsplit=1)[0] + "\n"
        return f"{text}\n{stranger().rekor.signature_line(text)}"

    _note(order, change)


@defect("TIME-005", where=proven)
def checkpoint_by_sibling(order: Order) -> None:
    """The checkpoint is signed by another log of the trust root than the one that the entry names."""
    sibling = order.rekor if order.form.logged_by_v2 else order.instance.rekor_v2

    def change(envelope: str) -> str:
        text = envelope.split("\n\n", maxsplit=1)[0] + "\n"
        return f"{text}\n{sibling.signature_line(text)}"

    _note(order, change)


@defect("TIME-005", where=proven)
def checkpoint_of_another_origin(order: Order) -> None:
    """The log signed the checkpoint under another origin than its own."""
    _resigned(order, lambda text: "rekor.evil.example - 1\n" + text.split("\n", 1)[1])


@defect("TIME-005", where=proven)
def checkpoint_in_another_name(order: Order) -> None:
    """The log signed the checkpoint in another name than its origin's, with the hint of its key."""

    def change(envelope: str) -> str:
        text = envelope.split("\n\n", maxsplit=1)[0] + "\n"
        return f"{text}\n{_log(order).signature_line(text, 'rekor.evil.example')}"

    _note(order, change)


@defect("TIME-005", where=both(proven, without(lambda form: form.logged_by_v2)))
def checkpoint_of_no_tree(order: Order) -> None:
    """A log of Rekor v1 signed a checkpoint whose origin names no tree."""
    _resigned(order, lambda text: f"{order.rekor.host}\n" + text.split("\n", 1)[1])


@defect("TIME-005", where=proven)
def checkpoint_of_another_root(order: Order) -> None:
    """The checkpoint is genuine, of a tree of the same size with another root."""
    root = hashlib.sha256(b"another tree").digest()

    def change(text: str) -> str:
        origin, size, _ = text.split("\n", 2)
        return f"{origin}\n{size}\n{b64(root)}\n"

    _resigned(order, change)


@defect("TIME-005", where=proven)
def checkpoint_of_another_size(order: Order) -> None:
    """The checkpoint is genuine, with the same root for another size."""

    def change(text: str) -> str:
        origin, size, rest = text.split("\n", 2)
        return f"{origin}\n{int(size) + 1}\n{rest}"

    _resigned(order, change)


@defect("TIME-005", where=proven)
def checkpoint_without_signature(order: Order) -> None:
    """The checkpoint's block of signatures is empty."""
    _note(order, lambda envelope: envelope.split("\n\n")[0] + "\n\n")


@defect("TIME-005", where=proven)
def checkpoint_cosigned_only(order: Order) -> None:
    """A witness signed the checkpoint, and the log did not."""

    def change(envelope: str) -> str:
        text = envelope.split("\n\n", maxsplit=1)[0] + "\n"
        return f"{text}\n{cosignature(text, 'witness.example', SIGNED)}"

    _note(order, change)


@defect("TIME-005", where=proven)
def root_hash_wrong(order: Order) -> None:
    """The proof names another root than its checkpoint."""
    _proof(order, lambda proof: proof.update(rootHash=b64(bytes(32))))


@defect("TIME-005", where=proven)
def proof_of_another_tree(order: Order) -> None:
    """Proof and checkpoint are whole and genuine, of another entry of this log."""
    order.on_entry = lambda entry: entry.update(inclusionProof=_log(order).inclusion(b"another entry", order.place))


@defect("TIME-019", where=proven)
def proof_hash_flipped(order: Order) -> None:
    """One bit of one hash of the proof is another."""

    def change(proof: Json) -> None:
        first = bytearray(base64.b64decode(proof["hashes"][0]))
        first[0] ^= 1
        proof["hashes"][0] = b64(bytes(first))

    _proof(order, change)


@defect("TIME-019", where=proven)
def proof_too_short(order: Order) -> None:
    """The last hash of the proof is missing."""
    _proof(order, lambda proof: proof["hashes"].pop())


@defect("TIME-019", where=proven)
def proof_too_long(order: Order) -> None:
    """The proof has a hash too many."""
    _proof(order, lambda proof: proof["hashes"].append(b64(bytes(32))))


@defect("TIME-019", where=proven)
def proof_hash_too_short(order: Order) -> None:
    """A hash of the proof has 31 bytes."""
    _proof(order, lambda proof: proof["hashes"].__setitem__(0, b64(base64.b64decode(proof["hashes"][0])[:31])))


@defect("TIME-019", where=proven)
def index_negative(order: Order) -> None:
    """The proof's index is negative."""
    _proof(order, lambda proof: proof.update(logIndex="-1"))


@defect("TIME-019", where=proven)
def index_of_another(order: Order) -> None:
    """The proof's index is that of another entry of the tree."""
    _proof(order, lambda proof: proof.update(logIndex=str(order.place.index - 1)))


@defect("TIME-019", where=proven)
def index_beyond_tree(order: Order) -> None:
    """The proof's index lies outside of the tree."""
    _proof(order, lambda proof: proof.update(logIndex=proof["treeSize"]))


@defect("TIME-019", where=proven)
def tree_empty(order: Order) -> None:
    """The proof is of a tree of size 0."""
    _proof(order, lambda proof: proof.update(treeSize="0"))


@defect("TIME-019", where=proven)
def tree_huge(order: Order) -> None:
    """The size of the tree does not fit into 64 bits."""
    _proof(order, lambda proof: proof.update(treeSize=str(1 << 64)))


@defect("PARSE-013", where=proven)
def checkpoint_with_nul(order: Order) -> None:
    """The log signed a checkpoint with a NUL in it."""
    _resigned(order, lambda text: text.replace("\n", "\x00\n", 1))


@defect("PARSE-013", where=proven)
def checkpoint_with_crlf(order: Order) -> None:
    """The log signed a checkpoint whose lines end in CR LF."""
    _note(order, lambda envelope: envelope.replace("\n", "\r\n"))


@defect("PARSE-013", where=proven)
def checkpoint_without_blank_line(order: Order) -> None:
    """Nothing separates the checkpoint's text from its signatures."""
    _note(order, lambda envelope: envelope.replace("\n\n", "\n"))


@defect("PARSE-013", where=proven)
def checkpoint_of_many_signatures(order: Order) -> None:
    """10,000 signatures of others follow the log's own."""
    line = f"\u2014 witness.example {b64(bytes(68))}\n"
    _note(order, lambda envelope: envelope + line * 10_000)


@defect("PARSE-013", where=proven)
def checkpoint_of_spelled_size(order: Order) -> None:
    """The log signed a checkpoint that spells its size with a leading zero."""

    def change(text: str) -> str:
        origin, rest = text.split("\n", 1)
        return f"{origin}\n0{rest}"

    _resigned(order, change)


@defect("PARSE-003", where=proven)
def checkpoint_of_foreign_base64(order: Order) -> None:
    """The log signed a checkpoint whose root is spelled with a foreign character."""

    def change(text: str) -> str:
        origin, size, root = text.split("\n", 2)
        return f"{origin}\n{size}\n {root}"

    _resigned(order, change)
