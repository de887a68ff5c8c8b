"""The evidence of the runnable children of an index: each found out as an image of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from controller.core.errors import LimitExceeded
from controller.core.evidence import Evidence, Gap
from controller.core.image import Digest
from controller.engine.family import MAX_CHILDREN, Child, Family
from controller.engine.look import Found

LookAt = Callable[[Child, Digest], Awaitable[Found]]
"""What is known of a child of the index with this digest."""


async def with_children(evidence: Evidence, family: Family, index: Digest, look_at: LookAt) -> Evidence:
    """The evidence of an index and of its runnable children; where one is an index itself, its children stand for it.

    When these are not known to be all, or are too many, there is a gap, and they stay unread.
    """
    if family.gap is not None:
        return replace(evidence, gaps=(*evidence.gaps, family.gap))
    branches = await asyncio.gather(*(_branch(child, index, look_at) for child in family.children))
    children = {child.digest: child for branch in branches for child in branch}
    if len(children) > MAX_CHILDREN:
        gap = Gap.of(LimitExceeded(f"the indexes within the index have more than {MAX_CHILDREN} runnable children"))
        return replace(evidence, gaps=(*evidence.gaps, gap))
    return replace(evidence, children=tuple(children.values()), unread=(), listed=evidence.unread)


async def _branch(child: Child, index: Digest, look_at: LookAt) -> Iterable[Evidence]:
    found = await look_at(child, index)
    if found.family is None or not found.family.children:
        return (_evidence(child, found),)
    if found.family.gap is not None:
        return (_evidence(child, found, found.family.gap),)
    leaves = found.family.children
    looked = await asyncio.gather(*(look_at(leaf, child.digest) for leaf in leaves))
    return [_leaf(leaf, one) for leaf, one in zip(leaves, looked, strict=True)]


def _leaf(child: Child, found: Found) -> Evidence:
    """A child of an index within the index: no further (IDX-008)."""
    if found.family is None:
        return _evidence(child, found)
    return _evidence(child, found, Gap.of(LimitExceeded("indexes are nested more than 2 deep")))


def _evidence(child: Child, found: Found, *gaps: Gap) -> Evidence:
    evidence = found.evidence
    return replace(evidence, digest=child.digest, platform=child.platform, gaps=(*evidence.gaps, *gaps), unread=())
