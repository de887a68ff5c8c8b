"""The thread of the framework: whatever keeps it from running is told, so that the operator ends and starts anew."""

import asyncio
import errno
import ssl
import threading
from typing import Never

import pytest

from controller.core.errors import ApiServerUnavailable
from controller.kube.connection import Connection
from controller.reconcile.watching import watch

NOWHERE = Connection(server="https://127.0.0.1:9", tls=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def no_loop() -> Never:
    raise OSError(errno.EMFILE, "Too many open files")


async def test_a_thread_that_gets_no_event_loop_ends_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: seen.append(str(told.exc_value)))
    monkeypatch.setattr(asyncio.events, "new_event_loop", no_loop)
    async with asyncio.timeout(30):
        with pytest.raises(ApiServerUnavailable, match="the watch of policies ended"):
            await watch(NOWHERE, lambda: None)
    for thread in threading.enumerate():
        if thread.name == "kopf":
            thread.join(30)
    assert seen == ["[Errno 24] Too many open files"]
