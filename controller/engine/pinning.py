"""Pinning: which images of a pod are pinned, and what their tags point to now. Decides nothing (product: nobody trusts
what it wrote)."""

import asyncio
from collections.abc import Iterable, Mapping

from controller.core.errors import NavicertError
from controller.core.evaluate import select
from controller.core.image import Digest, ImageReference
from controller.core.match import Applies
from controller.core.policy import Mode, Policy, Tags
from controller.core.policyset import PolicySet
from controller.core.workload import Workload, WorkloadImage
from controller.engine.decision import MAX_IMAGES
from controller.engine.gathering import Access
from controller.registry.client import Registry
from controller.wire.oci import parse_manifest

_Asked = tuple[ImageReference, str | None]  # and by whose credentials

RESOLVE_SECONDS = 3.0  # the longest that any review waits for it


def pins(policies: PolicySet, workload: Workload, image: WorkloadImage) -> bool:
    """Whether an Enforce policy with tags Pin is about the image, and none that denies tags: a tag that was pinned
    would be a tag that nobody sees (MODE-012). Warn and Audit change nothing (MODE-019)."""
    tags = {
        policy.tags
        for policy, applies in select(policies, workload, image)
        if isinstance(policy, Policy) and policy.mode is Mode.ENFORCE and applies is Applies.YES
    }
    return Tags.PIN in tags and Tags.DENY not in tags


class Resolver:
    """Finds out what tags point to. Reviews that ask at the same time, by the same credentials, for the same tag share
    one answer; none is kept.

    Belongs to one event loop. A request that nobody waits for any more ends by itself after RESOLVE_SECONDS.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._running: dict[_Asked, asyncio.Task[Digest | None]] = {}

    async def __call__(
        self, references: Iterable[ImageReference], *, deadline: float, access: Access | None = None
    ) -> Mapping[ImageReference, Digest]:
        """The digests that could be found out by `deadline` (the loop's clock), all asked for at once; of more than
        MAX_IMAGES distinct references the first. What is left out is not known. Raises only what is a bug.
        """
        tasks = {one: self._task(one, access) for one in list(dict.fromkeys(references))[:MAX_IMAGES]}
        if not tasks:
            return {}
        await asyncio.wait(tasks.values(), timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
        found = ((one, task.result()) for one, task in tasks.items() if task.done())
        return {reference: digest for reference, digest in found if digest is not None}

    def _task(self, reference: ImageReference, access: Access | None) -> asyncio.Task[Digest | None]:
        asked = reference, access.scope(reference.repository) if access else None
        running = self._running.get(asked)
        if running is None:
            registry = access.registry if access else self._registry
            running = asyncio.create_task(resolve(registry, reference))
            self._running[asked] = running
            running.add_done_callback(lambda _: self._running.pop(asked))
        return running


async def resolve(registry: Registry, reference: ImageReference) -> Digest | None:
    """What the tag points to now: the digest of the bytes that the registry answers, if they are a manifest or an
    index (BIND-013). None when there is none, and when it can't be found out within RESOLVE_SECONDS."""
    if reference.tag is None:
        return reference.digest
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            fetched = await registry.manifest(reference.repository, reference.tag)
            if fetched is None:
                return None
            fetched.refuse_stale()
            parse_manifest(fetched.content, content_type=fetched.content_type)
    except (NavicertError, TimeoutError):
        return None
    return fetched.digest
