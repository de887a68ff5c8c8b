"""Which windows are open: all that the wall clock decides about evidence.

What carries no verified time is judged at the time of the review (KEY-010 to 014). Evidence that was judged in other
windows says nothing about now.
"""

from collections.abc import Iterator
from datetime import datetime

from controller.trust.root import RootKey, TrustRoot, TrustRoots


def open_windows(roots: TrustRoots, now: datetime) -> frozenset[tuple[str, str]]:
    """The keys and logs of these roots that count at `now`, by root and place in it.

    For the same roots and the same answer, verification gives the same answer too.
    """
    return frozenset((root.name, place) for root in roots.roots.values() for place in _open(root, now))


def _open(root: TrustRoot, now: datetime) -> Iterator[str]:
    for key in root.keys:
        if _contains(key, now):
            yield f"key {key.name}"
    for index, log in enumerate(root.sigstore.logs if root.sigstore else ()):
        if log.valid.contains(now):
            yield f"log {index}"


def _contains(key: RootKey, now: datetime) -> bool:
    started = key.not_before is None or key.not_before <= now
    return started and (key.not_after is None or now <= key.not_after)
