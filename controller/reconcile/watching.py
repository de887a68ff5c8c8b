"""The kopf operator: watches our five kinds, and says when something happened.

kopf has a thread and an event loop of its own. It takes the process's signals, and ends every task of its loop when
it stops, neither of which may happen to the lease. It writes nothing: no handler here is of a kind that it would
keep progress, annotations or finalizers for.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial

import kopf

from controller.core.errors import ApiServerUnavailable
from controller.core.text import printable
from controller.kube.client import ApiClient
from controller.kube.connection import Connection
from controller.kube.discovery import listed
from controller.kube.session import open_session
from controller.wire.policy import GROUP, KINDS, VERSION

STOP_SECONDS = 5.0
LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)


async def wait_listed(client: ApiClient) -> None:
    """Return once the API server lists our kinds where the framework looks for them, as it does after serving them.

    A kind that the framework did not find then would be watched by nobody. Never raises: an API server that does not
    answer is asked again.
    """
    told = False
    while not await _listed(client):
        if not told:
            _log.info("kinds not listed yet", extra={"group": GROUP})
            told = True
        await asyncio.sleep(LOOK_SECONDS)


async def _listed(client: ApiClient) -> bool:
    try:
        return {kind.plural for kind in KINDS.values()} <= await listed(client, GROUP, VERSION)
    except ApiServerUnavailable:
        return False


async def watch(connection: Connection, changed: Callable[[], None]) -> None:
    """Call `changed`, in this task's loop, after each event of the five kinds, until cancelled.

    The kinds must be listed: the framework looks for them once. Raises ApiServerUnavailable when it gives up. The
    thread ends within STOP_SECONDS or with the process.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[BaseException | None] = loop.create_future()
    ending = threading.Event()

    def tell() -> None:
        loop.call_soon_threadsafe(changed)

    end = partial(_end, loop, ended)
    operating = partial(_operate, _registry(connection, tell, end), ending)
    threading.Thread(target=_run, args=(operating, end), name="kopf", daemon=True).start()
    try:
        error = await asyncio.shield(ended)
    finally:
        ending.set()
        await asyncio.wait([ended], timeout=STOP_SECONDS)
    message = printable(str(error or "the lines before this one say why"))
    raise ApiServerUnavailable(f"the watch of policies ended: {message}") from error


def _run(operating: Callable[[], Coroutine[None, None, None]], end: Callable[[BaseException | None], None]) -> None:
    try:
        with asyncio.Runner() as runner:
            task = runner.get_loop().create_task(operating())
            runner.get_loop().run_until_complete(asyncio.wait([task]))
            end(task.exception())  # of whatever kind: the framework's own are private
    finally:
        end(None)  # where it was cancelled, or there was no loop to be had: nobody waits for what does not run


async def _operate(registry: kopf.OperatorRegistry, ending: threading.Event) -> None:
    try:
        await kopf.operator(
            registry=registry, settings=_settings(), standalone=True, clusterwide=True, stop_flag=ending, priority=0
        )
    finally:
        ending.set()  # or the framework's own waiting for it would keep the thread


def _end(
    loop: asyncio.AbstractEventLoop, ended: "asyncio.Future[BaseException | None]", error: BaseException | None
) -> None:
    """Called when the framework stops, and once more when it has: it can hang between the two."""

    def once() -> None:
        if not ended.done():
            ended.set_result(error)

    with suppress(RuntimeError):  # the loop is closed: nobody asks any more
        loop.call_soon_threadsafe(once)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # no watching of namespaces and definitions, and no right to it
    settings.networking.request_timeout = 30.0
    return settings


def _registry(
    connection: Connection, changed: Callable[[], None], end: Callable[[BaseException | None], None]
) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=open_session(connection))

    @kopf.on.cleanup(registry=registry)
    async def stopping(**_: object) -> None:
        end(None)

    async def tell(**_: object) -> None:
        changed()

    for kind in KINDS.values():
        kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=f"tell-{kind.plural}")(tell)
    return registry
