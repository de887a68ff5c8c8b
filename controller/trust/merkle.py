"""Merkle tree hashes and inclusion proofs (RFC 6962, 2.1)."""

import hashlib
from collections.abc import Sequence

from controller.core.errors import NotVerified

HASH_BYTES = 32


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf; its prefix keeps it from ever being taken for a node."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaf: bytes, *, index: int, tree_size: int, hashes: Sequence[bytes]) -> bytes:
    """The root hash to which a proof leads, from the hash of the leaf at `index` of a tree of `tree_size` leaves.

    Guarantees that `hashes` are exactly as many, and of such length, as the audit path of this leaf has (RFC 6962,
    2.1.1). Whether the root is anybody's is for a checkpoint to say. Raises NotVerified, also for an index that is
    not in the tree.
    """
    if not 0 <= index < tree_size:
        raise NotVerified("the inclusion proof is for an index that is not in the tree")
    if any(len(sibling) != HASH_BYTES for sibling in hashes):
        raise NotVerified("a hash of the inclusion proof is not a SHA-256")
    siblings = list(reversed(hashes))
    node, last = leaf, tree_size - 1
    while last > 0:
        if index % 2 == 1:
            node = node_hash(_next(siblings), node)
        elif index < last:
            node = node_hash(node, _next(siblings))
        index, last = index // 2, last // 2
    if siblings:
        raise NotVerified("the inclusion proof is longer than the path to the root")
    return node


def _next(siblings: list[bytes]) -> bytes:
    if not siblings:
        raise NotVerified("the inclusion proof is shorter than the path to the root")
    return siblings.pop()
