"""Gathering the evidence for one image: resolve, discover, fetch, verify. Here, and only here, errors become gaps."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from functools import partial

from controller.core.errors import (
    DeadlineExceeded,
    LimitExceeded,
    MalformedManifest,
    NavicertError,
    RegistryUnavailable,
)
from controller.core.evidence import Evidence, Gap, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.engine.gathering import GatherRequest
from controller.registry.client import Registry
from controller.registry.discovery import MAX_FETCHED, Layer, Listed, Referrer, layers_of, select, sources
from controller.trust.verify import judge_candidate
from controller.wire.candidate import Candidate
from controller.wire.oci import Manifest, parse_manifest

MAX_BLOB_BYTES = 128 * 1024 * 1024  # of all candidates of one image
CONCURRENCY = 16  # candidates of one image at a time; the registry client bounds connections besides


class Gatherer:
    """Gathers evidence through a registry; callable as `engine.gathering.Gather`.

    Verification runs in `executor`, so that a large candidate never stops the event loop. Both outlive the gatherer's
    calls and belong to whoever made them.
    """

    def __init__(self, *, registry: Registry, executor: Executor) -> None:
        self._registry = registry
        self._executor = executor

    async def __call__(self, request: GatherRequest) -> Evidence:
        """Everything that could be found out by the deadline; what could not is a gap. Leaves no task behind.

        Guarantees that no statement is told of an image whose own manifest was not read: then there is its gap alone.
        Never raises a NavicertError.
        """
        gathering = _Gathering(self._registry, self._executor, request)
        deadline = asyncio.timeout_at(request.deadline)
        try:
            async with deadline:
                await gathering.run()
        except TimeoutError:
            if not deadline.expired():
                raise
            gathering.run_out_of_time()
        return gathering.evidence()


class _Gathering:
    """One image while it is being gathered: at any moment it can say what is at hand."""

    def __init__(self, registry: Registry, executor: Executor, request: GatherRequest) -> None:
        self._registry = registry
        self._executor = executor
        self._request = request
        self._repository = request.reference.repository
        self._digest = request.reference.digest
        self._found = True
        self._image_gap: Gap | None = self._late  # until the image's own manifest was read
        self._statements: set[VerifiedStatement] = set()
        self._refused: set[Refused] = set()
        self._gaps: set[Gap] = set()
        self._budget = _Budget()
        self._seen: set[Digest] = set()
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def run(self) -> None:
        """Resolve and discover at once where the reference has a digest; a tag is resolved once, and first."""
        digest, tag = self._request.reference.digest, self._request.reference.tag
        if digest is not None:
            async with asyncio.TaskGroup() as group:
                discovery = group.create_task(self._discover(digest))
                await self._resolve(digest)
                if self._image_gap is not None or not self._found:
                    discovery.cancel()
        elif tag is not None:
            await self._resolve(tag)
            if self._digest is not None:
                await self._discover(self._digest)

    def run_out_of_time(self) -> None:
        """What was not found out by now stays unknown."""
        self._gaps.add(self._late)

    def evidence(self) -> Evidence:
        """What is at hand."""
        if not self._found:
            return Evidence(digest=None, found=False)
        if self._image_gap is not None:
            return Evidence(digest=self._digest, gaps=(self._image_gap,))
        return Evidence(
            digest=self._digest,
            statements=tuple(self._statements),
            refused=tuple(self._refused),
            gaps=tuple(self._gaps),
        )

    @property
    def _late(self) -> Gap:
        return Gap.of(DeadlineExceeded(f"{self._repository.host} did not answer everything in time"))

    async def _resolve(self, reference: Digest | str) -> None:
        """One GET decides: its bytes give the digest that is used from here on (BIND-013)."""
        try:
            fetched = await self._registry.manifest(self._repository, reference)
            if fetched is None:
                self._found = False
                return
            parse_manifest(fetched.content, content_type=fetched.content_type)
        except NavicertError as error:
            self._image_gap = Gap.of(error)
            return
        self._digest = fetched.digest
        self._image_gap = None

    async def _discover(self, subject: Digest) -> None:
        if not self._request.wanted:
            return
        async with asyncio.TaskGroup() as group:
            for source in sources(self._registry, self._repository, subject):
                group.create_task(self._read_source(source, subject))

    async def _read_source(self, source: AsyncIterator[Listed], subject: Digest) -> None:
        """Each place is followed up as soon as it has answered: a slow one holds up nobody else's candidates."""
        listed: list[Listed] = []
        try:
            async for entry in source:
                listed.append(entry)  # noqa: PERF401 (what came before an error counts)
        except NavicertError as error:
            self._gaps.add(Gap.of(error))
        selection = select(listed, self._request.wanted)
        if not selection.complete:
            self._gaps.add(Gap.of(LimitExceeded(f"more than {MAX_FETCHED} candidates are listed in one place")))
        async with asyncio.TaskGroup() as group:
            for chosen in selection.chosen:
                group.create_task(self._follow(chosen, subject))

    async def _follow(self, listed: Listed, subject: Digest) -> None:
        async with self._slots:
            for layer in await self._layers(listed):
                await self._judge(layer, subject)

    async def _layers(self, listed: Listed) -> tuple[Layer, ...]:
        """The layers worth fetching: of a listed manifest those that it holds, if nobody else has looked at it."""
        if isinstance(listed, Layer):
            return (listed,)
        if listed.descriptor.digest in self._seen:
            return ()
        self._seen.add(listed.descriptor.digest)
        try:
            manifest = await self._referrer(listed)
        except NavicertError as error:
            self._gaps.add(Gap.of(error))
            return ()
        found = layers_of(manifest) if manifest else ()
        return tuple(layer for layer in found if layer.wanted(self._request.wanted))

    async def _referrer(self, referrer: Referrer) -> Manifest | None:
        """The manifest of a referrer; None when it is something else, which explains a refusal and no more."""
        digest = referrer.descriptor.digest
        self._budget.take_manifest()
        fetched = await self._registry.manifest(self._repository, digest)
        if fetched is None:
            raise RegistryUnavailable(f"{self._repository.host} lists {digest}, and does not have it")
        self._budget.take_bytes(len(fetched.content))
        try:
            manifest = parse_manifest(fetched.content, content_type=fetched.content_type)
        except MalformedManifest as error:
            self._refused.add(Refused(step=0, detail=str(error), where=str(digest)))
            return None
        return manifest if isinstance(manifest, Manifest) else None

    async def _judge(self, layer: Layer, subject: Digest) -> None:
        try:
            candidate = await self._fetch(layer)
        except NavicertError as error:
            self._gaps.add(Gap.of(error))
            return
        judge = partial(judge_candidate, candidate, subject=subject, roots=self._request.roots, now=self._request.now)
        judged = await asyncio.get_running_loop().run_in_executor(self._executor, judge)
        if isinstance(judged, Refused):
            self._refused.add(judged)
        else:
            self._statements.update(judged)

    async def _fetch(self, layer: Layer) -> Candidate:
        self._budget.take_blob()
        self._budget.take_bytes(layer.descriptor.size)
        content = await self._registry.blob(self._repository, layer.descriptor)
        return Candidate(
            container=layer.container,
            content=content,
            digest=layer.descriptor.digest,
            annotations=layer.descriptor.annotations,
        )


class _Budget:
    """What may be fetched for one image in all, wherever it is listed. Everything raises LimitExceeded."""

    def __init__(self) -> None:
        self._manifests = self._blobs = MAX_FETCHED
        self._bytes = MAX_BLOB_BYTES

    def take_manifest(self) -> None:
        self._manifests -= 1
        self._refuse_overdrawn(self._manifests)

    def take_blob(self) -> None:
        self._blobs -= 1
        self._refuse_overdrawn(self._blobs)

    def take_bytes(self, count: int) -> None:
        """Charge bytes; an announced size that would overdraw is not charged, so that smaller ones still count."""
        if count > self._bytes:
            raise LimitExceeded(f"the candidates are larger than {MAX_BLOB_BYTES} bytes in all")
        self._bytes -= count

    @staticmethod
    def _refuse_overdrawn(left: int) -> None:
        if left < 0:
            raise LimitExceeded(f"more than {MAX_FETCHED} candidates are listed")
