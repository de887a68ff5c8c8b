"""The candidates of one image: fetched within bounds, verified, and kept only as what they prove."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Collection, Iterable, Sequence
from functools import partial
from typing import TypeVar

from controller.core.errors import LimitExceeded, MalformedManifest, NavicertError, RegistryUnavailable
from controller.core.evidence import Gap, Refused, VerifiedStatement
from controller.core.image import Digest, Repository
from controller.engine.budget import Budget
from controller.engine.question import Means, Question
from controller.engine.weight import weigh
from controller.registry.client import MAX_BLOB_BYTES, MAX_MANIFEST_BYTES, Fetched
from controller.registry.discovery import Layer, Listed, Referrer, layers_of
from controller.trust.verify import judge_candidate
from controller.wire.candidate import Candidate
from controller.wire.oci import Manifest, parse_manifest

CONCURRENCY = 16  # candidates of one image at a time; the registry client bounds connections besides
COPIES = 2  # of a body, while it is read and put together

READ_SECONDS = 5.0  # for one manifest or blob, its retries included; 20 MiB at 32 Mbit/s

_T = TypeVar("_T")
_Judged = list[tuple[VerifiedStatement, int]] | Refused


class Candidates:
    """What the candidates of one image prove so far: `statements`, `refused`, and `gaps` for what is not known.
    `weight` is what the statements take up in memory, in bytes.

    Each manifest and each layer of a place is fetched once, however often it is listed there. Of a candidate nothing
    stays but its statements or its refusal.
    """

    def __init__(self, means: Means, question: Question) -> None:
        self.statements: set[VerifiedStatement] = set()
        self.refused: set[Refused] = set()
        self.gaps: set[Gap] = set()
        self.weight = 0
        self._means = means
        self._question = question
        self._budget = Budget()
        self._followed: set[tuple[Repository, object]] = set()
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def follow(self, repository: Repository, listed: Sequence[Listed]) -> None:
        """Look at what is listed in `repository`; a NavicertError becomes a gap."""
        referrers = (entry for entry in listed if isinstance(entry, Referrer))
        layers = [entry for entry in listed if isinstance(entry, Layer)]
        async with asyncio.TaskGroup() as group:
            for referrer in referrers:
                group.create_task(self._open(repository, referrer))
            for same in _by_content(layers):
                group.create_task(self._in_turn(repository, same))

    async def _open(self, repository: Repository, referrer: Referrer) -> None:
        if not self._first(repository, referrer.descriptor.digest):
            return
        async with self._slots:
            try:
                manifest = await self._manifest(repository, referrer)
            except NavicertError as error:
                self.gaps.add(Gap.of(error))
                return
            found = layers_of(manifest) if manifest else ()
            for same in _by_content(layer for layer in found if layer.wanted(self._question.wanted)):
                await self._judge(repository, same)

    async def _in_turn(self, repository: Repository, same: Collection[Layer]) -> None:
        async with self._slots:
            await self._judge(repository, same)

    async def _manifest(self, repository: Repository, referrer: Referrer) -> Manifest | None:
        """The manifest of a referrer; None when it is something else, which explains a refusal and no more."""
        digest, size = referrer.descriptor.digest, referrer.descriptor.size
        _refuse_above(MAX_MANIFEST_BYTES, size, digest)
        self._budget.take_manifest(size)
        async with self._means.turns.taking(size * COPIES, repository.host):
            fetched = await _in_time(self._means.registry.manifest(repository, digest), repository)
            if fetched is None or len(fetched.content) != size:
                raise RegistryUnavailable(f"{repository.host} lists {digest} of {size} bytes, and does not have it")
            return self._parsed(fetched)

    def _parsed(self, fetched: Fetched) -> Manifest | None:
        try:
            manifest = parse_manifest(fetched.content, content_type=fetched.content_type)
        except MalformedManifest as error:
            self.refused.add(Refused(step=0, detail=str(error), where=str(fetched.digest)))
            return None
        return manifest if isinstance(manifest, Manifest) else None

    async def _judge(self, repository: Repository, same: Collection[Layer]) -> None:
        """Judge the layers of one content: a payload may carry several signatures, each beside another layer of it."""
        fresh = [layer for layer in same if self._first(repository, _identity(layer))]
        try:
            charged = self._charged(fresh)
            if charged:
                await self._fetch_and_judge(repository, charged)
        except NavicertError as error:
            self.gaps.add(Gap.of(error))

    def _charged(self, layers: Iterable[Layer]) -> list[Layer]:
        """Those of the layers that the budget still allows; the others are a gap."""
        charged: list[Layer] = []
        for layer in layers:
            try:
                _refuse_above(MAX_BLOB_BYTES, layer.descriptor.size, layer.descriptor.digest)
                self._budget.take_candidate(layer.descriptor.size)
            except NavicertError as error:
                self.gaps.add(Gap.of(error))
            else:
                charged.append(layer)
        return charged

    async def _fetch_and_judge(self, repository: Repository, layers: list[Layer]) -> None:
        descriptor = layers[0].descriptor
        async with self._means.turns.taking(descriptor.size * COPIES, repository.host):
            content = await _in_time(self._means.registry.blob(repository, descriptor), repository)
            for layer in layers:
                candidate = Candidate(
                    container=layer.container,
                    content=content,
                    digest=descriptor.digest,
                    annotations=layer.descriptor.annotations,
                )
                work = partial(_judge_and_weigh, candidate, self._question)
                self._keep(await asyncio.get_running_loop().run_in_executor(self._means.executor, work))

    def _keep(self, judged: _Judged) -> None:
        if isinstance(judged, Refused):
            self.refused.add(judged)
            return
        for statement, weight in judged:
            if statement not in self.statements:
                self._budget.keep(weight)
                self.weight += weight
                self.statements.add(statement)

    def _first(self, repository: Repository, identity: object) -> bool:
        """Whether this is met for the first time; a repository may lack what another one has."""
        if (repository, identity) in self._followed:
            return False
        self._followed.add((repository, identity))
        return True


def _refuse_above(limit: int, size: int, digest: Digest) -> None:
    """What would not be read to its end takes neither a turn nor a part of the image's bounds."""
    if size > limit:
        raise LimitExceeded(f"{digest} is larger than {limit} bytes")


async def _in_time(reading: Awaitable[_T], repository: Repository) -> _T:
    """A read of whoever has a turn: who answers slowly keeps it from others no longer than this."""
    limit = asyncio.timeout(READ_SECONDS)
    try:
        async with limit:
            return await reading
    except TimeoutError:
        if not limit.expired():
            raise
        raise RegistryUnavailable(f"{repository.host} took more than {READ_SECONDS:g} s for one candidate") from None


def _judge_and_weigh(candidate: Candidate, question: Question) -> _Judged:
    """Runs beside the event loop: neither verifying nor weighing a large candidate may stop it."""
    judged = judge_candidate(
        candidate, subject=question.digest, roots=question.roots, now=question.now, keep=question.kept
    )
    return judged if isinstance(judged, Refused) else [(statement, weigh(statement)) for statement in judged]


def _by_content(layers: Iterable[Layer]) -> Collection[list[Layer]]:
    found: dict[tuple[Digest, int], list[Layer]] = defaultdict(list)
    for layer in layers:
        found[layer.descriptor.digest, layer.descriptor.size].append(layer)
    return found.values()


def _identity(layer: Layer) -> tuple[object, ...]:
    descriptor = layer.descriptor
    return (layer.container, descriptor.digest, descriptor.size, frozenset(descriptor.annotations.items()))
