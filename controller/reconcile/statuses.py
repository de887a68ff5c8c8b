"""The status of every object of our five kinds: listed, linked as the webhook links, and told where it changed.

Level-triggered. Events only say that it is time to look; what is written follows from everything there is, so a
missed event costs time and never truth. Nothing is put into objects but their status: no finalizer, no annotation.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from urllib.parse import quote

from controller.core.errors import ApiServerUnavailable, Problem
from controller.engine.expiry import aging
from controller.engine.policies import PolicyStore, Snapshot
from controller.kube.client import ApiClient, Conflict, NotTaken, Object, Resource, Verb, config_maps
from controller.reconcile.keeping import Write
from controller.reconcile.lease import NotLeading
from controller.reconcile.roots import RootRefresher
from controller.trust.root import TrustRoot
from controller.wire.policy import GROUP, KINDS, VERSION, Kind
from controller.wire.status import (
    Holdings,
    RootFacts,
    Standing,
    exception_standing,
    render_status,
    root_standing,
    standing_of,
)

PERIOD_SECONDS = 300.0  # between looks that nothing asked for
RETRY_SECONDS = 2.0
SETTLE_SECONDS = 0.2  # a burst of events is one look

_log = logging.getLogger(__name__)


class Statuses:
    """Keeps the statuses true. Belongs to one event loop."""

    def __init__(
        self,
        client: ApiClient,
        write: Write,
        roots: RootRefresher,
        *,
        home: str,
        maximum: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        """`maximum` is how long after its creation an exception may reach at most."""
        self._client = client
        self._write = write
        self._roots = roots
        self._documents = config_maps(home)
        self._maximum = maximum
        self._now = now
        self._store = PolicyStore()
        self._wake = asyncio.Event()
        self.looked = asyncio.Event()
        """Set once everything was listed and told for the first time."""

    def wake(self) -> None:
        """Look again soon."""
        self._wake.set()

    def snapshot(self) -> Snapshot | None:
        """What was in force at the last look; None before the first."""
        return self._store.current()

    async def run(self) -> None:
        """Look whenever something changed, when time changes something, and once in a while; until cancelled."""
        while True:
            self._wake.clear()
            try:
                pause = await self.look()
            except (ApiServerUnavailable, NotLeading) as error:
                _log.warning("statuses not looked at", extra={"error": str(error)})
                pause = RETRY_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                await asyncio.sleep(SETTLE_SECONDS)
            except TimeoutError:
                continue

    async def look(self) -> float:
        """List everything and write the statuses that are not true. Gives the seconds until it is time again.

        Raises ApiServerUnavailable and NotLeading; a single object that was edited meanwhile is looked at again soon,
        and one whose status the API server does not take keeps no other from being told.
        """
        listed = {kind.name: (await self._client.list(resource(kind))).objects for kind in KINDS.values()}
        await self._roots.follow(listed["TrustRoot"])
        documents = (await self._client.list(self._documents)).objects
        for one in chain.from_iterable(listed.values()):
            await self._store.prepare(one)
        for name, objects in listed.items():  # without a break: the scan takes what is there
            self._store.replace(name, objects)
        self._store.replace_config_maps(documents)
        snapshot, now = self._store.current(), self._now()
        if snapshot is None:
            raise AssertionError("every kind was put into the store")
        until = [now + timedelta(seconds=PERIOD_SECONDS)]
        for name, objects in listed.items():
            for document in objects:
                standing, facts = self._judged(name, document, snapshot, now)
                until += [standing.until] if standing.until else []
                if not await self._tell(KINDS[name], document, standing, facts, now):
                    until.append(now + timedelta(seconds=RETRY_SECONDS))
        self.looked.set()
        return max((min(until) - self._now()).total_seconds(), 0.0)

    def _judged(
        self, kind: str, document: Object, snapshot: Snapshot, now: datetime
    ) -> tuple[Standing, RootFacts | None]:
        name = str(document["metadata"]["name"])
        problems = snapshot.problems.get(_title(kind, document), ())
        if kind == "SLSAException":
            return exception_standing(document, problems, maximum=self._maximum, now=now), None
        if kind != "TrustRoot":
            return standing_of(problems), None
        facts = self._facts(name, problems, snapshot.roots.roots.get(name), now)
        return root_standing(problems, facts, now=now), facts

    def _facts(self, name: str, problems: Sequence[Problem], root: TrustRoot | None, now: datetime) -> RootFacts:
        freshness = self._roots.freshness(name)
        if problems or root is None:
            return RootFacts(freshness=freshness)
        left_out = root.sigstore.left_out if root.sigstore is not None else ()
        return RootFacts(holdings=holdings_of(root), freshness=freshness, warnings=(*left_out, *aging(root, now)))

    async def _tell(
        self, kind: Kind, document: Object, standing: Standing, facts: RootFacts | None, now: datetime
    ) -> bool:
        """Write the status unless it is told already, or not taken; False when the object is another by now."""
        status = render_status(document, standing, facts, now=now)
        if status is None:
            return True
        metadata = document["metadata"]
        path = f"{_collection(kind, metadata.get('namespace'))}/{quote(metadata['name'], safe='')}/status"
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": status}
        try:
            await self._write(Verb.MERGE, path, patch)
        except Conflict:
            return False
        except NotTaken as error:
            _log.warning("status not taken", extra={"object": _title(kind.name, document), "error": str(error)})
            return True
        _log.info("status written", extra={"object": _title(kind.name, document), "reason": standing.reason.value})
        return True


def holdings_of(root: TrustRoot) -> Holdings:
    """What this root holds, counted."""
    sigstore = root.sigstore
    if sigstore is None:
        return Holdings(keys=len(root.keys), revision=root.revision)
    return Holdings(
        certificate_authorities=len(sigstore.authorities),
        transparency_logs=len(sigstore.logs),
        ct_logs=len(sigstore.ct_logs),
        timestamp_authorities=len(sigstore.timestamp_authorities),
        revision=root.revision,
    )


def resource(kind: Kind) -> Resource:
    """All objects of this kind, over all namespaces."""
    return Resource(kind=kind.name, path=_collection(kind, None))


def _collection(kind: Kind, namespace: str | None) -> str:
    inside = f"namespaces/{quote(namespace, safe='')}/" if namespace else ""
    return f"/apis/{GROUP}/{VERSION}/{inside}{kind.plural}"


def _title(kind: str, document: Mapping[str, object]) -> str:
    metadata = document["metadata"]
    if not isinstance(metadata, Mapping):
        raise ApiServerUnavailable("the API server sent an object without metadata")
    inside = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{kind}/{inside}{metadata['name']}"
