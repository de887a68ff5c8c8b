"""Gathering the evidence for one image: resolve, discover, fetch, verify. Here, and only here, errors become gaps."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Protocol

from controller.core.errors import NavicertError, TrustRootStale
from controller.core.evidence import Evidence, Gap
from controller.core.image import Digest, Repository
from controller.core.text import printable
from controller.engine.children import with_children
from controller.engine.family import Child
from controller.engine.gathering import GatherRequest
from controller.engine.look import Found, Look, late
from controller.engine.question import EvidenceRepository, Image, Means, Question, resolve
from controller.engine.turns import Turns
from controller.registry.client import Registry
from controller.trust.root import TrustRoots

# Bytes of candidates that are in memory at the same time, over all images, and of one registry host.
IN_FLIGHT_BYTES = 256 * 1024 * 1024
IN_FLIGHT_BYTES_OF_HOST = 40 * 1024 * 1024  # two copies of the largest blob; of hosts that nobody named half in all


def _nowhere_else(_repository: Repository) -> None:
    return None


def _nobody(_host: str) -> bool:
    return False


class Looks(Protocol):
    """How single facts are found out: each by itself, or shared among reviews."""

    async def resolve(self, request: GatherRequest) -> Image | None:
        """What the request's tag points to now. Raises as `question.resolve` does, and TimeoutError."""

    async def look(self, question: Question, request: GatherRequest) -> Found:
        """What is known of one digest by the request's deadline. Never raises a NavicertError."""


async def gather(request: GatherRequest, looks: Looks) -> Evidence:
    """Everything that could be found out by the deadline; what could not is a gap.

    Guarantees that no statement is told of an image whose own manifest was not read: then there is its gap alone. A tag
    is resolved once. Never raises a NavicertError.
    """
    if not request.stale:
        return await _gather(request, looks)
    believed = TrustRoots(roots={name: root for name, root in request.roots.roots.items() if name not in request.stale})
    evidence = await _gather(replace(request, roots=believed), looks)
    if not any(one.refused or one.statements for one in (evidence, *evidence.children)):
        return evidence  # nothing was found that a root could have vouched for
    return replace(evidence, gaps=(*evidence.gaps, *(_stale(name, request.roots) for name in request.stale)))


def _stale(name: str, roots: TrustRoots) -> Gap:
    """What may be missing without this root: what it would have verified, and what it would have told the times of."""
    timed = (root.name for root in roots.roots.values() if root.time_root == name)
    return Gap.of(TrustRootStale(f"TrustRoot {printable(name)} is too old"), roots=(name, *timed))


async def _gather(request: GatherRequest, looks: Looks) -> Evidence:
    digest, image = request.reference.digest, None
    if digest is None:
        try:
            async with asyncio.timeout_at(request.deadline):
                image = await looks.resolve(request)
        except NavicertError as error:
            return Evidence(digest=None, gaps=(Gap.of(error),))
        except TimeoutError:
            return Evidence(digest=None, gaps=(late(request.reference.repository),))
        if image is None:
            return Evidence(digest=None, found=False)
        digest = image.digest
    question = _question(request, digest, image)
    found = await looks.look(question, request)
    if not request.children or found.family is None:
        return found.evidence

    async def look_at(child: Child, index: Digest) -> Found:
        about = replace(question, digest=child.digest, image=None, within=index, attestations=child.attestations)
        return await looks.look(about, request)

    return await with_children(found.evidence, found.family, digest, look_at)


def _question(request: GatherRequest, digest: Digest, image: Image | None) -> Question:
    return Question(
        repository=request.reference.repository,
        digest=digest,
        image=image,
        wanted=request.wanted,
        kept=request.kept,
        roots=request.roots,
        now=request.now,
    )


class Gatherer:
    """Gathers evidence through a registry, remembering nothing; callable as `engine.gathering.Gather`.

    Verification runs in `executor`, so that a large candidate never stops the event loop. Both outlive the gatherer's
    calls and belong to whoever made them. `evidence_repository` says where else evidence is to be looked for, and
    `vouched` which hosts the cluster itself names: half of what may be under way is theirs alone.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        executor: Executor,
        evidence_repository: EvidenceRepository = _nowhere_else,
        vouched: Callable[[str], bool] = _nobody,
    ) -> None:
        self.means = Means(
            registry=registry,
            executor=executor,
            turns=Turns(total=IN_FLIGHT_BYTES, share=IN_FLIGHT_BYTES_OF_HOST, vouched=vouched),
            evidence_repository=evidence_repository,
        )

    async def __call__(self, request: GatherRequest) -> Evidence:
        """As `gather`, and leaves no task behind."""
        return await gather(request, self)

    async def resolve(self, request: GatherRequest) -> Image | None:
        """What the request's tag points to now. Raises as `question.resolve` does."""
        means = self.means.reading(request.access).within(lambda: request.latest)
        return await resolve(means.registry, request.reference.repository, str(request.reference.tag))

    async def look(self, question: Question, request: GatherRequest) -> Found:
        """What is known of one digest by the request's deadline; the rest is a gap."""
        look = Look(self.means.reading(request.access).within(lambda: request.deadline), question)
        deadline = asyncio.timeout_at(request.deadline)
        try:
            async with deadline:
                await look.run()
        except TimeoutError:
            if not deadline.expired():
                raise
        return look.found(complete=not deadline.expired())
