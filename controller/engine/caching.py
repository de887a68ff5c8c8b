"""Gathering for all reviews of a process: what is known is used again, what is under way is shared."""

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Self

from controller.core.errors import NavicertError
from controller.core.evidence import Evidence
from controller.core.image import Repository
from controller.engine.cache import (
    DEFAULT_BYTES,
    INCOMPLETE_SECONDS,
    Clock,
    Counts,
    EvidenceCache,
    Key,
    PinnedImage,
    key_of,
)
from controller.engine.evidence import Gatherer, gather
from controller.engine.gathering import GatherRequest, Known, Lookup, Scope
from controller.engine.look import Found
from controller.engine.question import Image, Question
from controller.engine.sharing import Flight, bounded

_Tag = tuple[str, Repository, str]


def one_scope(_repository: Repository) -> str:
    """Everything is read by the same credentials."""
    return ""


class CachingGatherer:
    """Gathers for many reviews; callable as `engine.gathering.Gather`. An async context manager, of the running loop.

    Requests that differ in nothing that evidence depends on (`cache.Key`) share one look while it is under way, and
    what it found afterwards: for hours where anything was found, 30 s where nothing is there. Evidence with a gap
    is shared for a second, so that a burst asks a registry in trouble once, and is never put in place of evidence
    without. A tag is resolved for every review; only a resolution under way is shared, or one that failed within this
    second. Leaving the context ends what is under way.
    """

    def __init__(
        self, gatherer: Gatherer, *, clock: Clock, scope: Scope = one_scope, max_bytes: int = DEFAULT_BYTES
    ) -> None:
        """`clock` tells how old evidence is, in seconds that never go back."""
        self._gatherer = gatherer
        self._scope = scope
        self._cache = EvidenceCache(max_bytes=max_bytes, clock=clock)
        self._flights: dict[Key, Flight] = {}
        self._tags: dict[_Tag, asyncio.Task[Image | None]] = {}

    @property
    def counts(self) -> Counts:
        """What the cache did so far, and what is in it."""
        return self._cache.counts

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*(flight.task for flight in self._flights.values()), *self._tags.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __call__(self, request: GatherRequest) -> Awaitable[Evidence]:
        """As `evidence.gather`; Known where nothing but what is remembered has to be asked."""
        digest = request.reference.digest
        if digest is not None and not request.stale and not request.children:
            known = self._known(self._key(request, PinnedImage(request.reference.repository, digest), request), request)
            if known is not None:
                return Known(known.evidence)
        return gather(request, self)

    async def resolve(self, request: GatherRequest) -> Image | None:
        """What the request's tag points to now. Raises as `question.resolve` does."""
        repository = request.reference.repository
        tag = (self._scope_of(request)(repository), repository, str(request.reference.tag))
        task = self._tags.get(tag)
        if task is None:
            task = self._tags[tag] = asyncio.create_task(bounded(self._gatherer.resolve(request)))
            task.add_done_callback(lambda done: self._resolved(tag, done))
        await asyncio.wait({task})  # who leaves does not end it
        return task.result()

    async def look(self, question: Question, request: GatherRequest) -> Found:
        """What is known of one digest by the request's deadline; the rest is a gap."""
        key = self._key(question, PinnedImage(question.repository, question.digest, question.within), request)
        known = self._known(key, request)
        if known is not None:
            return known
        flight = self._flights.get(key)
        if flight is None:
            self.counts.misses += 1
            request.heard(Lookup.MISS)
            means = self._gatherer.means.reading(request.access)
            flight = self._flights[key] = Flight(means, question, until=request.latest)
            flight.task.add_done_callback(lambda task: self._landed(key, task))
        else:
            self.counts.shared += 1
            request.heard(Lookup.SHARED)
            flight.extend(request.latest)
        return await flight.found_by(request.deadline)

    def _key(self, asked: Question | GatherRequest, image: PinnedImage, request: GatherRequest) -> Key:
        elsewhere = self._gatherer.means.evidence_repository(image.repository)
        scope = self._scope_of(request)
        scopes = scope(image.repository) if elsewhere is None else f"{scope(image.repository)} {scope(elsewhere)}"
        return key_of(asked, image, evidence_repository=elsewhere, scope=scopes)

    def _known(self, key: Key, request: GatherRequest) -> Found | None:
        found = self._cache.get(key, max_age=request.max_age)
        if found is not None:
            self.counts.hits += 1
            request.heard(Lookup.HIT)
        return found

    def _scope_of(self, request: GatherRequest) -> Scope:
        return request.access.scope if request.access else self._scope

    def _landed(self, key: Key, task: asyncio.Task[Found]) -> None:
        del self._flights[key]
        if not task.cancelled() and task.exception() is None:
            self._cache.put(key, task.result())

    def _resolved(self, tag: _Tag, task: asyncio.Task[Image | None]) -> None:
        failed = not task.cancelled() and isinstance(task.exception(), NavicertError | TimeoutError)
        asyncio.get_running_loop().call_later(INCOMPLETE_SECONDS if failed else 0.0, self._tags.pop, tag, None)
