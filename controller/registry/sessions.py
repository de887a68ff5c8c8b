"""Reading with whatever access it takes: the token dance driven, its passes shared, its reads retried."""

import asyncio
from collections import OrderedDict
from collections.abc import Generator
from dataclasses import dataclass, replace

from yarl import URL

from controller.registry.answers import Answer
from controller.registry.auth import Access, Pass, Send, Step, TokenRequest, authenticate, parse_pass
from controller.registry.retries import persist
from controller.registry.transport import Request, Transport
from controller.wire.dockerconfig import Credential

REMEMBERED = 4096  # passes; the least recently used goes first
MAX_TOKEN_SECONDS = 8.0  # for one token: shared, so no single review's deadline ends it


@dataclass(frozen=True, slots=True)
class _Key:
    """What a pass is good for: a repository at one origin, asked with one credential."""

    origin: URL
    scope: str
    credential: Credential | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    shown: Pass
    until: float | None


class Sessions:
    """Authenticated, retried reads through one transport. A pass is used for its own origin, credential and repository
    and nothing else, until shortly before it ends; whoever needs the same token at the same time shares one request."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._passes: OrderedDict[_Key, _Remembered] = OrderedDict()
        self._under_way: dict[_Key, asyncio.Task[Pass]] = {}

    async def read(self, request: Request, *, path: str, credential: Credential | None) -> Answer:
        """The answer to a GET of something of the repository `path`; 401 when access could not be had.

        Raises RegistryDenied, RegistryUnavailable, LimitExceeded.
        """
        access = Access(url=request.url, path=path, credential=credential)
        key = _Key(request.url.origin(), access.scope, credential)
        return await self._drive(authenticate(access, known=self._known(key)), request, key)

    async def close(self) -> None:
        """End the token requests that are under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drive(self, dance: Generator[Step, Answer | Pass, Answer], request: Request, key: _Key) -> Answer:
        try:
            step = next(dance)
            while True:
                if isinstance(step, Send):
                    step = dance.send(await self._send(request, step.shown, key))
                else:
                    step = dance.send(await self._pass(step, request.url, key))
        except StopIteration as end:
            answer: Answer = end.value
            return answer

    async def _send(self, request: Request, shown: Pass | None, key: _Key) -> Answer:
        authorised = replace(request, authorization=shown.authorization if shown else None)
        answer = await persist(
            lambda: self._transport.get(authorised), deadline=request.deadline, attempts=request.attempts
        )
        if shown is not None and shown.seconds is None and answer.status != 401:
            self._remember(key, shown)
        return answer

    async def _pass(self, step: TokenRequest, registry: URL, key: _Key) -> Pass:
        known = self._known(key)
        if known is not None and known != step.refused:
            return known
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._fetch(step, registry, key))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    async def _fetch(self, step: TokenRequest, registry: URL, key: _Key) -> Pass:
        loop = asyncio.get_running_loop()
        asked, deadline = loop.time(), loop.time() + MAX_TOKEN_SECONDS
        request = Request(
            url=step.realm,
            accept="application/json",
            limit=step.limit,
            authorization=step.authorization,
            form=step.form,
            deadline=deadline,
        )
        answer = await persist(lambda: self._transport.ask_realm(request, of=registry), deadline=deadline)
        granted = parse_pass(step, answer)
        self._remember(key, granted, since=asked)
        return granted

    def _end(self, key: _Key, task: "asyncio.Task[Pass]") -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # seen, also when nobody waits any more

    def _known(self, key: _Key) -> Pass | None:
        remembered = self._passes.get(key)
        if remembered is None:
            return None
        if remembered.until is not None and asyncio.get_running_loop().time() >= remembered.until:
            del self._passes[key]
            return None
        self._passes.move_to_end(key)
        return remembered.shown

    def _remember(self, key: _Key, shown: Pass, since: float = 0.0) -> None:
        until = None if shown.seconds is None else since + shown.seconds
        self._passes[key] = _Remembered(shown=shown, until=until)
        self._passes.move_to_end(key)
        while len(self._passes) > REMEMBERED:
            self._passes.popitem(last=False)
