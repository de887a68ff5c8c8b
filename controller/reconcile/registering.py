"""The webhook configurations: filled in once somebody answers, put back when they are changed, never created.

Whoever uninstalls deletes the configurations first, and then nothing brings them back (OPS-002). While no replica has
ever been ready they stay as the chart installs them, empty, and no pod of the cluster waits for Navicert (OPS-015).
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controller.core.errors import ApiServerUnavailable
from controller.kube.client import ApiClient, Object, Resource, Verb
from controller.reconcile.keeping import Keeper, Write
from controller.reconcile.lease import NotLeading
from controller.reconcile.names import Home
from controller.wire.webhooks import Registration, render_mutating, render_policy_validation, render_validating

PERIOD_SECONDS = 5.0

Announce = Callable[[Object, str], Awaitable[None]]
"""Tells people of something that happened to an object."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How the API server reaches the webhook's Service, and whose workloads it does not ask about."""

    port: int
    exempt: tuple[str, ...] = ()


class Registrar:
    """Keeps certificates and webhook configurations as they should be, one look every PERIOD_SECONDS."""

    def __init__(
        self, client: ApiClient, write: Write, home: Home, *, exposure: Exposure, keeper: Keeper, announce: Announce
    ) -> None:
        self._client = client
        self._write = write
        self._home = home
        self._exposure = exposure
        self._keeper = keeper
        self._announce = announce
        self._settled: dict[str, list[Any]] = {}

    async def run(self, now: Callable[[], datetime]) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look(now())
            except (ApiServerUnavailable, NotLeading) as error:
                _log.warning("webhooks not looked after", extra={"error": str(error)})
            await asyncio.sleep(PERIOD_SECONDS)

    async def look(self, now: datetime) -> None:
        """Do what is due. Raises ApiServerUnavailable and NotLeading: then something may be left to do."""
        found = {path: await self._client.get(path) for path in (self._home.validating, self._home.mutating)}
        authorities = await self._keeper.keep(_announced(found.values()), now)
        if authorities is None:
            return
        registration = Registration(
            namespace=self._home.namespace,
            service=self._home.name,
            port=self._exposure.port,
            authorities=authorities,
            exempt=self._exposure.exempt,
        )
        rendered = {
            self._home.validating: [*render_validating(registration), *render_policy_validation(registration)],
            self._home.mutating: render_mutating(registration),
        }
        for path, wanted in rendered.items():
            document = found[path]
            if document is not None:
                await self._put(path, document, wanted)

    async def _put(self, path: str, document: Object, wanted: Sequence[Mapping[str, Any]]) -> None:
        present = _webhooks(document)
        if present == wanted:
            self._settled[path] = present
            return
        if not present and not self._settled.get(path) and not await self._answered():
            return
        version = {"resourceVersion": document["metadata"]["resourceVersion"]}
        written = await self._write(Verb.MERGE, path, {"metadata": version, "webhooks": list(wanted)})
        if written is None:
            return
        _log.info("webhooks registered", extra={"configuration": path.rpartition("/")[2], "webhooks": len(wanted)})
        if self._settled.get(path) == wanted:
            await self._announce(written, "its webhooks were changed, and are put back")
        self._settled[path] = list(wanted)

    async def _answered(self) -> bool:
        """Whether a webhook replica is ready, as its Service has it."""
        slices = await self._client.list(Resource(kind="EndpointSlice", path=self._home.endpoint_slices))
        return any(_ready(one, self._home.name) for one in slices.objects)


def _ready(endpoints: Object, service: str) -> bool:
    labels = endpoints["metadata"].get("labels") or {}
    if labels.get("kubernetes.io/service-name") != service:
        return False
    return any((one.get("conditions") or {}).get("ready", False) for one in endpoints.get("endpoints") or ())


def _webhooks(document: Object) -> list[Any]:
    listed = document.get("webhooks")
    return list(listed) if isinstance(listed, list) else []


def _announced(documents: Any) -> tuple[bytes, ...]:
    """The bundles that filled-in configurations carry; one that can't be read vouches for nothing."""
    return tuple({_bundle(one) for document in documents if document is not None for one in _webhooks(document)})


def _bundle(webhook: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode((webhook.get("clientConfig") or {}).get("caBundle") or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        return b""
