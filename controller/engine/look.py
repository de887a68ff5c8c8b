"""One digest while its evidence is being gathered: at any moment it can say what is at hand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from controller.core.errors import DeadlineExceeded, LimitExceeded, NavicertError
from controller.core.evidence import Evidence, Gap, VerifiedStatement
from controller.core.image import Digest, Repository
from controller.engine.candidates import Candidates
from controller.engine.family import Family
from controller.engine.question import Means, Question, resolve
from controller.engine.weight import weigh
from controller.registry.discovery import MAX_FETCHED, Listed, select, sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of one digest by itself: its evidence without that of children, and which children it has.

    `weight` is what it takes up in memory, in bytes (`weigh`).
    """

    evidence: Evidence
    family: Family | None = None
    weight: int


def late(repository: Repository) -> Gap:
    """What was not found out in time."""
    return Gap.of(DeadlineExceeded(f"{repository.host} did not answer everything in time"))


class Look:
    """Looks at one digest, once. Nothing is told of an image whose own manifest was not read."""

    def __init__(self, means: Means, question: Question) -> None:
        self._means = means
        self._question = question
        self._image = question.image
        self._absent = False
        self._image_gap: Gap | None = None
        self._gaps: set[Gap] = set()
        self._candidates = Candidates(means, question)

    async def run(self) -> None:
        """Resolve and discover at the same time. Leaves no task behind, cancelled or not."""
        async with asyncio.TaskGroup() as group:
            discovery = group.create_task(self._discover())
            if self._image is None:
                await self._resolve()
            if self._image is None:
                discovery.cancel()

    def found(self, *, complete: bool) -> Found:
        """What is at hand. Unless `complete`, whatever was not found out by now is unknown."""
        digest, missing = self._question.digest, late(self._question.repository)
        if self._absent:
            return _weighed(Evidence(digest=None, found=False))
        if self._image is None:
            return _weighed(_unlisted(digest, self._image_gap or missing))
        family = self._image.family
        evidence = Evidence(
            digest=digest,
            statements=tuple(sorted(self._candidates.statements, key=_order)),
            refused=tuple(self._candidates.refused),
            gaps=tuple(self._gaps | self._candidates.gaps | (set() if complete else {missing})),
            unread=tuple(child.digest for child in family.children) if family else (),
            unlisted=family.gap if family else None,
        )
        refused = sum(map(weigh, evidence.refused))
        weight = self._candidates.weight + refused + weigh(evidence.gaps) + weigh(family)
        return Found(evidence=evidence, family=family, weight=weight)

    async def _resolve(self) -> None:
        try:
            self._image = await resolve(self._means.registry, self._question.repository, self._question.digest)
        except NavicertError as error:
            self._image_gap = Gap.of(error)
        else:
            self._absent = self._image is None

    async def _discover(self) -> None:
        if not self._question.wanted:
            return
        repository, digest = self._question.repository, self._question.digest
        elsewhere = self._means.evidence_repository(repository)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(repository, list(self._question.attestations)))
            for place in (repository, elsewhere):
                for source in sources(self._means.registry, place, digest) if place else ():
                    group.create_task(self._read(place or repository, source))

    async def _read(self, repository: Repository, source: AsyncIterator[Listed]) -> None:
        """Each place is followed up as soon as it has answered: a slow one holds up nobody else's candidates."""
        listed: list[Listed] = []
        try:
            async for entry in source:
                if entry.wanted(self._question.wanted):
                    listed.append(entry)  # noqa: PERF401 (what came before an error counts)
        except NavicertError as error:
            self._gaps.add(Gap.of(error))
        await self._follow(repository, listed)

    async def _follow(self, repository: Repository, listed: list[Listed]) -> None:
        selection = select(listed, self._question.wanted)
        if not selection.complete:
            self._gaps.add(Gap.of(LimitExceeded(f"more than {MAX_FETCHED} candidates are listed in one place")))
        await self._candidates.follow(repository, selection.chosen)


def _unlisted(digest: Digest, gap: Gap) -> Evidence:
    return Evidence(digest=digest, gaps=(gap,), unlisted=gap)


def _order(statement: VerifiedStatement) -> tuple[str, str]:
    """Judging has bounds, so what is told has an order that does not depend on which answer came first."""
    return statement.payload.hex, str(statement.signer)


def _weighed(evidence: Evidence) -> Found:
    return Found(evidence=evidence, weight=weigh(evidence))
