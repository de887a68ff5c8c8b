"""What was found out before, bounded by bytes; the least recently used leaves first.

Verdicts and what tags point to are never in here.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from controller.core.image import Digest, Repository
from controller.engine.gathering import GatherRequest
from controller.engine.look import Found
from controller.engine.question import Question
from controller.engine.weight import weigh
from controller.engine.windows import Position, position

DEFAULT_BYTES = 64 * 1024 * 1024

# Seconds that evidence may be used again.
POSITIVE_SECONDS = 4 * 3600.0
NOTHING_SECONDS = 30.0  # an image may be attested, or pushed, any moment
INCOMPLETE_SECONDS = 1.0  # long enough for a burst, so that it does not ask a registry in trouble again and again

Clock = Callable[[], float]
"""Seconds that never go back."""


class PinnedImage(NamedTuple):
    """An image by its digest, and the index as whose child it is looked at."""

    repository: Repository
    digest: Digest
    within: Digest | None = None


class Key(NamedTuple):
    """Everything that evidence depends on besides the registry itself. What is equal may be shared.

    A tuple, because each review compares one.
    """

    repository: Repository
    evidence_repository: Repository | None
    digest: Digest
    within: Digest | None
    wanted: frozenset[str]
    kept: frozenset[str]
    roots: str
    windows: Position
    scope: str


def key_of(
    asked: Question | GatherRequest, image: PinnedImage, *, evidence_repository: Repository | None, scope: str
) -> Key:
    """The key of what is asked about an image; `scope` says by whose credentials each of its repositories is read."""
    return Key(
        repository=image.repository,
        evidence_repository=evidence_repository,
        digest=image.digest,
        within=image.within,
        wanted=asked.wanted,
        kept=asked.kept,
        roots=asked.roots.revision,
        windows=position(asked.roots, asked.now),
        scope=scope,
    )


@dataclass(slots=True)
class Counts:
    """What the cache did since it was made, and the `bytes` and `entries` that are in it now."""

    hits: int = 0
    misses: int = 0
    shared: int = 0
    evicted: int = 0
    bytes: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    found: Found
    weight: int
    since: float
    seconds: float


_Place = tuple[Key, bool]  # whether it is complete: what is not takes the place of nothing that is


class EvidenceCache:
    """Evidence by key. Its size is an estimate (`weigh`) that errs above. Belongs to one event loop."""

    def __init__(self, *, max_bytes: int, clock: Clock) -> None:
        self.counts = Counts()
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[_Place, _Entry] = OrderedDict()

    def get(self, key: Key, *, max_age: float) -> Found | None:
        """What was found less than `max_age` seconds ago and may still be used; complete rather than newer."""
        return self._get((key, True), max_age) or self._get((key, False), max_age)

    def _get(self, place: _Place, max_age: float) -> Found | None:
        entry = self._entries.get(place)
        if entry is None:
            return None
        age = self._clock() - entry.since
        if age >= entry.seconds:
            self._remove(place)
        if age >= min(entry.seconds, max_age):
            return None
        self._entries.move_to_end(place)
        return entry.found

    def put(self, key: Key, found: Found) -> None:
        """Remember this for as long as its kind may be used; what is larger than the whole cache is not."""
        place = (key, not found.evidence.gaps)
        if place in self._entries:
            self._remove(place)
        weight = weigh(key) + found.weight
        if weight > self._max_bytes:
            return
        self._entries[place] = _Entry(found, weight, self._clock(), _seconds(found))
        self.counts.bytes += weight
        self.counts.entries += 1
        while self.counts.bytes > self._max_bytes:
            self._remove(next(iter(self._entries)))
            self.counts.evicted += 1

    def _remove(self, place: _Place) -> None:
        self.counts.bytes -= self._entries.pop(place).weight
        self.counts.entries -= 1


def _seconds(found: Found) -> float:
    evidence = found.evidence
    if evidence.gaps:
        return INCOMPLETE_SECONDS
    return POSITIVE_SECONDS if evidence.statements or evidence.refused else NOTHING_SECONDS
