"""The kopf operator: watches our five kinds, and says when something happened.

kopf has a thread and an event loop of its own. It takes the process's signals, and ends every task of its loop when
it stops, neither of which may happen to the lease. It writes nothing: no handler here is of a kind that it would
keep progress, annotations or finalizers for.
"""

import asyncio
import logging
import threading
from collections.abc import Callable

import kopf

from controller.core.errors import ApiServerUnavailable
from controller.kube.connection import Connection
from controller.kube.session import open_session
from controller.wire.policy import GROUP, KINDS, VERSION

_log = logging.getLogger(__name__)


async def watch(connection: Connection, changed: Callable[[], None]) -> None:
    """Call `changed`, in this task's loop, after each event of the five kinds, until cancelled.

    The kinds must be there: the framework looks for them once. Raises ApiServerUnavailable when it gives up.
    """
    loop = asyncio.get_running_loop()
    ending = threading.Event()

    def tell() -> None:
        loop.call_soon_threadsafe(changed)

    registry = _registry(connection, tell)
    running = asyncio.create_task(asyncio.to_thread(_run, registry, ending))
    try:
        await asyncio.shield(running)
    finally:
        ending.set()
        await asyncio.wait([running])
    raise ApiServerUnavailable("the watch of policies ended by itself")


def _run(registry: kopf.OperatorRegistry, ending: threading.Event) -> None:
    asyncio.run(
        kopf.operator(
            registry=registry, settings=_settings(), standalone=True, clusterwide=True, stop_flag=ending, priority=0
        )
    )


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # no watching of namespaces and definitions, and no right to it
    settings.networking.request_timeout = 30.0
    return settings


def _registry(connection: Connection, changed: Callable[[], None]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=open_session(connection))

    async def tell(**_: object) -> None:
        changed()

    for kind in KINDS.values():
        kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=f"tell-{kind.plural}")(tell)
    return registry
