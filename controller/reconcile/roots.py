"""Refreshing trust roots: each from its TUF repository into its ConfigMap, on a period, the last good one kept."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.core.errors import ApiServerUnavailable, MalformedDocument
from controller.kube.client import ApiClient, Object, Verb
from controller.reconcile.keeping import Write
from controller.reconcile.lease import NotLeading
from controller.reconcile.names import Home
from controller.reconcile.tufclient import Fetched, RefreshFailed, fetch_aside
from controller.trust.root import compile_sigstore
from controller.wire.policy.tuf import TufSource, tuf_source
from controller.wire.refreshed import (
    Place,
    RefreshedRoot,
    config_map_name,
    parse_refreshed,
    render_refreshed,
    source_of,
)
from controller.wire.status import Freshness
from controller.wire.trustedroot import parse_trusted_root

PERIOD = timedelta(hours=6)
FIRST_RETRY_SECONDS = 15.0
LONGEST_RETRY_SECONDS = 1800.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Followed:
    """A root that is refreshed: where from, what the last good refresh brought, and when the next one is due."""

    source: TufSource
    uid: str
    last: RefreshedRoot | None = None
    failure: str = ""
    failures: int = 0
    due: float = 0.0  # on the loop's clock; 0 is at once


class RootRefresher:
    """Refreshes every TrustRoot that names a TUF repository. Belongs to one event loop; fetching happens in threads."""

    def __init__(self, client: ApiClient, write: Write, home: Home, *, now: Callable[[], datetime]) -> None:
        self._client = client
        self._write = write
        self._home = home
        self._now = now
        self._followed: dict[str, _Followed] = {}
        self._wake = asyncio.Event()

    async def follow(self, roots: Iterable[Object]) -> None:
        """Refresh these TrustRoots from now on, and no others. A root whose source was edited starts anew.

        What an earlier leader fetched counts at once. Raises ApiServerUnavailable, and then changes nothing.
        """
        followed: dict[str, _Followed] = {}
        for root in roots:
            name, uid, source = str(root["metadata"]["name"]), str(root["metadata"]["uid"]), tuf_source(root)
            known = self._followed.get(name)
            if source is not None and known is not None and (known.source, known.uid) == (source, uid):
                followed[name] = known
            elif source is not None:
                last, _ = await self._read(name, source)
                followed[name] = _Followed(source=source, uid=uid, last=last)
        if followed != self._followed:
            self._followed = followed
            self._wake.set()

    def freshness(self, name: str) -> Freshness | None:
        """How the refreshing of this root goes; None for one that is not refreshed."""
        followed = self._followed.get(name)
        if followed is None:
            return None
        if followed.last is None:
            return Freshness(failure=followed.failure)
        stale_at = followed.last.stale_at(followed.source.stale_after)
        return Freshness(refreshed=followed.last.refreshed, stale_at=stale_at, failure=followed.failure)

    def ages(self) -> Mapping[str, datetime | None]:
        """The last good refresh of each root that is refreshed."""
        return {name: one.last.refreshed if one.last else None for name, one in self._followed.items()}

    async def run(self, changed: Callable[[], None]) -> None:
        """Refresh what is due, until cancelled; `changed` is called when `freshness` may say something else."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            for name in [name for name, one in self._followed.items() if one.due <= loop.time()]:
                await self.refresh(name)
                changed()
            pause = min((one.due for one in self._followed.values()), default=loop.time() + LONGEST_RETRY_SECONDS)
            try:
                async with asyncio.timeout_at(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def refresh(self, name: str) -> None:
        """Refresh one root now. Never raises: what goes wrong is told by `freshness`, and tried again soon."""
        before = self._followed.get(name)
        if before is None:
            return
        try:
            after = await self._refreshed(name, before)
        except (RefreshFailed, MalformedDocument, ApiServerUnavailable, NotLeading) as error:
            _log.warning("trust root not refreshed", extra={"root": name, "error": str(error)})
            after = _failed(before, str(error))
        if self._followed.get(name) is before:
            self._followed[name] = after

    async def _refreshed(self, name: str, followed: _Followed) -> _Followed:
        last, version = await self._read(name, followed.source)
        fetched = await fetch_aside(followed.source, last.metadata if last else {})
        _expect_sound(fetched)
        root = RefreshedRoot(
            root=name,
            source=source_of(followed.source),
            document=fetched.document,
            refreshed=self._now().replace(microsecond=0),
            metadata=fetched.metadata,
        )
        if self._followed.get(name) is not followed:
            raise RefreshFailed("the root was edited meanwhile")
        await self._store(root, uid=followed.uid, version=version)
        _log.info(
            "trust root refreshed", extra={"root": name, "changed": last is None or last.document != root.document}
        )
        due = _clock() + PERIOD.total_seconds() * random.uniform(0.9, 1.0)
        return _Followed(source=followed.source, uid=followed.uid, last=root, due=due)

    async def _read(self, name: str, source: TufSource) -> tuple[RefreshedRoot | None, str]:
        """The last good refresh from this source, None where there is none, and the version of its ConfigMap."""
        document = await self._client.get(f"{self._home.config_maps}/{config_map_name(self._home.name, name)}")
        if document is None:
            return None, ""
        version = str(document["metadata"]["resourceVersion"])
        try:
            last = parse_refreshed(document)
        except MalformedDocument:
            return None, version
        return (last if (last.root, last.source) == (name, source_of(source)) else None), version

    async def _store(self, root: RefreshedRoot, *, uid: str, version: str) -> None:
        called = config_map_name(self._home.name, root.root)
        place = Place(namespace=self._home.namespace, name=called, version=version, uid=uid)
        document = render_refreshed(place, root)
        path = f"{self._home.config_maps}/{called}" if version else self._home.config_maps
        if await self._write(Verb.MERGE if version else Verb.CREATE, path, document) is None:
            raise ApiServerUnavailable(f"the ConfigMap {called} went while it was written")


def _failed(followed: _Followed, failure: str) -> _Followed:
    """The last good one is kept."""
    pause = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**followed.failures)
    return replace(
        followed,
        failure=failure,
        failures=min(followed.failures + 1, 16),
        due=_clock() + pause * random.uniform(0.5, 1.0),
    )


def _expect_sound(fetched: Fetched) -> None:
    """A document that no webhook could use must not take the place of one that they do."""
    compile_sigstore(parse_trusted_root(fetched.document))


def _clock() -> float:
    return asyncio.get_running_loop().time()
