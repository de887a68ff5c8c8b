"""What keeps a test's sockets from the garbage collector: its loop ends after its connections."""

from __future__ import annotations

import asyncio
import socket

from tests.support.farewell import PatientLoop


def test_a_loop_ends_only_when_what_is_being_closed_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        loop = PatientLoop()
        connected = loop.create_connection(asyncio.Protocol, *server.getsockname())
        transport, _ = loop.run_until_complete(connected)
        held = transport.get_extra_info("socket")
        loop.call_later(0.2, transport.close)
        loop.close()
    assert held.fileno() == -1
