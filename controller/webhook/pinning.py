"""/pin: replaces `repo:tag` by `repo:tag@digest` in pods. It decides nothing: whatever goes wrong, the pod goes on as
it is, and /validate refuses what is not pinned."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from controller.core.errors import MalformedReview
from controller.core.image import Digest, ImageReference
from controller.core.workload import Workload
from controller.engine.access import FindAccess, Granted, as_navicert
from controller.engine.gathering import Access
from controller.engine.pinning import RESOLVE_SECONDS, pins
from controller.engine.policies import Snapshot
from controller.webhook.judging import Labels, halfway
from controller.webhook.review import MAX_BYTES_ON_LOOP, Answered
from controller.wire.admission import AdmissionRequest, Pin, render_pins
from controller.wire.tagged import TaggedImage, TaggedPod, parse_tagged


class Resolve(Protocol):
    """See engine.pinning.Resolver."""

    def __call__(
        self, references: Iterable[ImageReference], *, deadline: float, access: Access | None
    ) -> Awaitable[Mapping[ImageReference, Digest]]:
        """The digests that can be found out by the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinner:
    """Everything that pins. The callables are asked anew for each review."""

    path: ClassVar[str] = "/pin"

    snapshot: Callable[[], Snapshot | None]
    namespace_labels: Labels
    find_access: FindAccess = as_navicert
    resolve: Resolve

    async def answer(self, request: AdmissionRequest, *, deadline: float) -> Answered:
        """An admission, always, with a patch for every image that a policy pins and whose digest is known in time."""
        until = min(deadline, asyncio.get_running_loop().time() + RESOLVE_SECONDS)
        pod = await _parse(request)
        wanted = await self._wanted(pod, until) if pod is not None and pod.images else ()
        found = await self._pins(pod.workload, wanted, until) if pod is not None else ()
        outcome = "unpinned" if len(found) < len(wanted) else "pinned" if found else "unchanged"
        line = {"pinned": [pin.text for pin in found], "missing": len(wanted) - len(found)}
        return Answered(body=render_pins(request, found), outcome=outcome, line=line)

    def answer_bug(self, request: AdmissionRequest) -> bytes:
        """A bug changes nothing; refusing is not for this webhook."""
        return render_pins(request, ())

    async def _wanted(self, pod: TaggedPod, until: float) -> tuple[TaggedImage, ...]:
        """The images that a policy pins. Images that no such policy is about cause no request (MODE-015)."""
        snapshot = self.snapshot()
        if snapshot is None:
            return ()
        labels = await self.namespace_labels(pod.workload.namespace, halfway(until))
        workload = replace(pod.workload, namespace_labels=labels)
        return tuple(image for image in pod.images if pins(snapshot.policies, workload, image.image))

    async def _pins(self, pod: Workload, wanted: tuple[TaggedImage, ...], until: float) -> tuple[Pin, ...]:
        """In the order of the spec. What was pinned before gets its digest back, and nobody is asked (MODE-022)."""
        asked = [image.reference for image in wanted if image.former is None]
        granted = await self.find_access(pod, until) if asked else Granted()
        digests = await self.resolve(asked, deadline=until, access=granted.access)
        found = (_pin(image, digests.get(image.reference)) for image in wanted)
        return tuple(pin for pin in found if pin is not None)


def _pin(image: TaggedImage, digest: Digest | None) -> Pin | None:
    if image.former is not None:
        return Pin(pointer=image.place.pointer, text=image.former)
    return image.pin(digest) if digest is not None else None


async def _parse(request: AdmissionRequest) -> TaggedPod | None:
    """What can't be read is not pinned: it is for /validate to refuse."""
    try:
        if len(request.object) + len(request.old_object) <= MAX_BYTES_ON_LOOP:
            return parse_tagged(request)
        return await asyncio.to_thread(parse_tagged, request)
    except MalformedReview:
        return None
