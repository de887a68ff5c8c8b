"""Leader election by a Lease: one process at a time writes to the cluster.

Each holder may write until RENEW_SECONDS after the start of its last successful renewal, by its own monotonic clock;
each other one waits LEASE_SECONDS after it saw the Lease change, by its own. What lies between is longer than a write
may take, so that a write which is under way when the right to it ends is over before somebody else begins. A Lease that
somebody deletes was changed by that, too: its holder makes it anew, and each other one waits as long. A process that
was stopped and wakes up later writes to versions of objects that it read before: the API server refuses those.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from controller.core.errors import ApiServerUnavailable, Unavailable
from controller.kube.client import ApiClient, Object, Verb
from controller.kube.lease import LeaseName, LeaseRecord, render_lease

LEASE_SECONDS = 15
RENEW_SECONDS = 10.0
RETRY_SECONDS = 2.0
_RELEASED_SECONDS = 1  # the least that the API server takes

_log = logging.getLogger(__name__)


class LeaseLost(Unavailable):
    """The Lease was not renewed in time, or another process has it: this one writes nothing more, and ends."""


class NotLeading(Unavailable):
    """Not written: this process does not lead."""


class Elector:
    """Holds the Lease for one process. Belongs to one event loop, whose clock must be monotonic, as all are."""

    def __init__(self, client: ApiClient, name: LeaseName, *, identity: str, now: Callable[[], datetime]) -> None:
        self._client = client
        self._name = name
        self._identity = identity
        self._now = now
        self._seen: LeaseRecord | None = None
        self._seen_at = 0.0
        self._until = 0.0
        self._contact = 0.0

    def leading(self) -> bool:
        """Whether this process may write now."""
        return _clock() < self._until

    def in_contact(self) -> bool:
        """Whether the API server answered about the Lease within LEASE_SECONDS."""
        return bool(self._contact) and _clock() - self._contact < LEASE_SECONDS

    async def write(self, verb: Verb, path: str, document: Object) -> Object | None:
        """As `ApiClient.write`, while this process leads; raises NotLeading otherwise."""
        if not self.leading():
            raise NotLeading(f"{path}: this process does not lead")
        return await self._client.write(verb, path, document)

    async def acquire(self) -> None:
        """Return once this process leads. Never raises: an API server that does not answer is asked again."""
        while not await self._attempt():
            await _pause()
        _log.info("leading", extra={"lease": self._name.name, "identity": self._identity})

    async def keep(self) -> None:
        """Renew for as long as it can be done; raises LeaseLost when that ends."""
        while True:
            await _pause()
            await self._attempt()
            if self._seen is not None and self._seen.holder != self._identity:
                self._until = 0.0
                raise LeaseLost(f"the lease {self._name.name} is lost: another process holds it")
            if not self.leading():
                raise LeaseLost(f"the lease {self._name.name} is lost: it was not renewed for {RENEW_SECONDS:.0f} s")

    async def release(self) -> None:
        """Let somebody else lead at once. Does nothing where this process does not lead; never raises."""
        if not self.leading():
            return
        self._until = 0.0
        released = render_lease(self._name, self._seen, holder="", seconds=_RELEASED_SECONDS, now=self._now())
        try:
            await self._client.write(Verb.REPLACE, self._name.path, released)
        except ApiServerUnavailable as error:
            _log.warning("lease not released", extra={"error": str(error)})
        else:
            _log.info("lease released", extra={"lease": self._name.name})

    async def _attempt(self) -> bool:
        """Take or renew the Lease if that may be done now. Whatever goes wrong means: not renewed."""
        started = _clock()
        try:
            async with asyncio.timeout(RENEW_SECONDS / 2):
                return await self._try(started)
        except (ApiServerUnavailable, TimeoutError) as error:
            _log.warning("lease not renewed", extra={"error": str(error) or "no answer in time"})
            return False

    async def _try(self, started: float) -> bool:
        await self._look()
        self._contact = _clock()
        if self._seen is not None and not self._free(self._seen):
            return False
        lease = render_lease(self._name, self._seen, holder=self._identity, seconds=LEASE_SECONDS, now=self._now())
        if self._seen is None or not self._seen.version:
            written = await self._client.write(Verb.CREATE, self._name.collection, lease)
        else:
            written = await self._client.write(Verb.REPLACE, self._name.path, lease)
        if written is None:
            return False
        self._saw(LeaseRecord.parse(written))
        self._until = started + RENEW_SECONDS
        return True

    async def _look(self) -> None:
        document = await self._client.get(self._name.path)
        if document is not None:
            self._saw(LeaseRecord.parse(document))
        elif self._seen is not None:
            self._saw(replace(self._seen, version=""))  # whoever held it may write for a while

    def _saw(self, record: LeaseRecord) -> None:
        if self._seen is None or self._seen.version != record.version:
            self._seen_at = _clock()
        self._seen = record

    def _free(self, record: LeaseRecord) -> bool:
        """Whether it is ours, nobody's, or was not renewed for as long as its holder said."""
        if record.holder in ("", self._identity):
            return True
        return _clock() - self._seen_at > max(record.seconds, LEASE_SECONDS)


def _clock() -> float:
    return asyncio.get_running_loop().time()


async def _pause() -> None:
    await asyncio.sleep(RETRY_SECONDS * random.uniform(0.6, 1.0))
