"""Inclusion proofs against trees that are built the plain way."""

import hashlib

import pytest

from controller.core.errors import NotVerified
from controller.trust.merkle import leaf_hash, root_of

LEAVES = [b"leaf %d" % number for number in range(13)]


def tree(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path(index, leaves[:split]), tree(leaves[split:])]
    return [*path(index - split, leaves[split:]), tree(leaves[:split])]


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_every_leaf_of_every_tree_leads_to_its_root(size: int) -> None:
    leaves = LEAVES[:size]
    for index, leaf in enumerate(leaves):
        root = root_of(leaf_hash(leaf), index=index, tree_size=size, hashes=path(index, leaves))
        assert root == tree(leaves)


@pytest.mark.case("TIME-019")
@pytest.mark.parametrize(("index", "size"), [(-1, 13), (13, 13), (0, 0), (0, -1), (2**70, 13)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(NotVerified, match="not in the tree"):
        root_of(leaf_hash(LEAVES[0]), index=index, tree_size=size, hashes=[])


@pytest.mark.case("TIME-019")
def test_a_longer_or_shorter_proof_is_refused() -> None:
    proof = path(5, LEAVES)
    for hashes, told in ((proof[:-1], "shorter"), ([], "shorter"), ([*proof, proof[0]], "longer")):
        with pytest.raises(NotVerified, match=told):
            root_of(leaf_hash(LEAVES[5]), index=5, tree_size=13, hashes=hashes)


def test_a_hash_of_another_length_is_refused() -> None:
    first, *others = path(5, LEAVES)
    with pytest.raises(NotVerified, match="not a SHA-256"):
        root_of(leaf_hash(LEAVES[5]), index=5, tree_size=13, hashes=[first + b".", *others])


def test_a_node_never_passes_for_a_leaf() -> None:
    """The prefixes of RFC 6962 keep the two children of a node from being shown as one leaf of a smaller tree."""
    children = tree(LEAVES[:1]) + tree(LEAVES[1:2])
    assert root_of(leaf_hash(children), index=0, tree_size=1, hashes=[]) != tree(LEAVES[:2])


def test_a_huge_tree_costs_a_path_and_no_more() -> None:
    with pytest.raises(NotVerified, match="shorter"):
        root_of(leaf_hash(LEAVES[0]), index=2**400, tree_size=2**401, hashes=[b"." * 32] * 60)
