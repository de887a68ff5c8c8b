"""Names to addresses, by the system's resolver, without one name's troubles becoming another's.

The system's resolver blocks, and a lookup in it can't be stopped. So each has a thread of its own that nobody waits for
in the end; there are so many threads at most, and a part of them is for names that have resolved before: whoever brings
names that stall can hold up other such names only.
"""

import asyncio
import socket
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass

from aiohttp.abc import AbstractResolver, ResolveResult

LOOKUP_SECONDS = 3.0
REMEMBERED_SECONDS = 5.0  # long enough for the requests of one review, short enough for a registry that moves
REMEMBERED_NAMES = 1024
ADDRESSES = 4  # of one name: the first that the system prefers; turns are taken at all of them
LOOKUPS = 32  # at a time, of names that have not resolved yet
LOOKUPS_KNOWN = 16  # and of those that have


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    addresses: tuple[str, ...]
    until: float


class SystemResolver(AbstractResolver):
    """The system's resolver with a short memory. To be made inside the running loop; one for all connections.

    Requests for one name share one lookup. No lookup is waited for longer than LOOKUP_SECONDS, and a waiter that gives
    up leaves nothing behind that anybody waits for, at exit either.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[tuple[str, ...]]] = {}
        self._slots, self._known_slots = asyncio.Semaphore(LOOKUPS), asyncio.Semaphore(LOOKUPS_KNOWN)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The first addresses of a name, each in its usual form. Raises OSError, TimeoutError included."""
        addresses = await self.addresses(host)
        found = ((address, socket.AF_INET6 if ":" in address else socket.AF_INET) for address in addresses)
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=flags)
            for address, kind in found
            if family in {socket.AF_UNSPEC, kind}
        ]

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The first addresses of a name, at most ADDRESSES. Raises as `resolve`."""
        loop = asyncio.get_running_loop()
        known = self._known.get(host)
        if known is not None and loop.time() < known.until:
            return known.addresses
        async with asyncio.timeout(LOOKUP_SECONDS):
            return await self._look_up(host, self._known_slots if known else self._slots)

    async def close(self) -> None:
        """Forget everything; lookups under way end by themselves."""
        self._known.clear()

    async def _look_up(self, host: str, slots: asyncio.Semaphore) -> tuple[str, ...]:
        under_way = self._under_way.get(host)
        if under_way is None:
            await slots.acquire()
            under_way = self._under_way.get(host)
            if under_way is None:
                under_way = self._start(host, slots)
            else:  # somebody else's turn came first
                slots.release()
        try:
            addresses = await asyncio.shield(under_way)
        except (OSError, UnicodeError, asyncio.CancelledError):
            self._known.pop(host, None)  # a name that has begun to stall is as good as any other
            raise
        self._remember(host, addresses)
        return addresses

    def _start(self, host: str, slots: asyncio.Semaphore) -> "asyncio.Future[tuple[str, ...]]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[str, ...]] = loop.create_future()
        self._under_way[host] = future

        def end(found: tuple[str, ...] | OSError) -> None:
            slots.release()
            del self._under_way[host]
            if isinstance(found, OSError):
                future.set_exception(found)
                future.exception()  # seen, also when nobody waits any more
            else:
                future.set_result(found)

        def run() -> None:
            found: tuple[str, ...] | OSError = OSError("the lookup broke off")
            try:
                found = _ask_system(host)
            finally:
                with suppress(RuntimeError):  # the loop is closed: nobody wants to know
                    loop.call_soon_threadsafe(end, found)

        try:
            threading.Thread(target=run, name="lookup", daemon=True).start()
        except RuntimeError as error:
            end(OSError(f"no lookup: {error}"))  # the system has no thread left, and may have one for the next
        return future

    def _remember(self, host: str, addresses: tuple[str, ...]) -> None:
        until = asyncio.get_running_loop().time() + REMEMBERED_SECONDS
        self._known[host] = _Known(addresses=addresses, until=until)
        self._known.move_to_end(host)
        while len(self._known) > REMEMBERED_NAMES:
            self._known.popitem(last=False)


def _ask_system(host: str) -> tuple[str, ...] | OSError:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except OSError as error:
        return error
    except UnicodeError:  # a label that is too long, or empty
        return socket.gaierror(socket.EAI_NONAME, "no name")
    # A scope (fe80::1%eth0) is part of where the address is.
    spelled = (
        f"{to[0]}%{to[3]}" if len(to) == 4 and to[3] and "%" not in str(to[0]) else str(to[0]) for *_, to in found
    )
    return tuple(dict.fromkeys(spelled))[:ADDRESSES]
