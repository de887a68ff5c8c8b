"""A session with the API server for a framework that makes its own requests, and reads its answers by recursion."""

import json
from collections.abc import AsyncIterator
from typing import Any, Self, cast

import aiohttp

from controller.kube.connection import Connection
from controller.kube.documents import shallow


def open_session(connection: Connection) -> aiohttp.ClientSession:
    """A session that trusts and presents what the connection says; credentials are read again for each request.

    Whoever opens it closes it. Requests in it raise what aiohttp raises, and ApiServerUnavailable where the
    credentials can't be read. Answers name objects, and say of them what is not nested deep: whoever may write an
    object may nest it ten thousand levels deep, which no reader by recursion survives.
    """

    async def authorize(request: aiohttp.ClientRequest, following: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        authorization = connection.authorization()
        if authorization:
            request.headers["Authorization"] = authorization
        request.server_hostname = connection.tls_server_name
        return await following(request)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=connection.tls, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(authorize,),
        response_class=_ShallowResponse,
    )


class _ShallowResponse(aiohttp.ClientResponse):
    """Gives documents, and lines in chunks, without what is nested deep."""

    async def start(self, connection: Any) -> Self:
        await super().start(connection)
        self.content = cast("aiohttp.StreamReader", _ShallowLines(self.content))
        return self

    async def json(self, **_: Any) -> Any:
        return json.loads(shallow(await self.read()))


class _ShallowLines:
    """The content of an answer, of which chunks are whole lines."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Lines as they are complete; what stands after the last line end was cut off, and is no line."""
        rest = b""
        async for chunk in self._content.iter_chunked(size):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield shallow(line) + b"\n"
