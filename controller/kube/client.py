"""Talking to the API server: get, list, watch and write of raw objects, every read with a bound and a deadline.

Kubernetes API concepts: "Efficient detection of changes", "Retrieving large results sets in chunks".
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from http import HTTPStatus
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
from yarl import URL

from controller.core.errors import ApiServerUnavailable
from controller.core.text import printable
from controller.kube.connection import Connection
from controller.kube.documents import Form, Object, parse_document
from controller.kube.resources import Event, EventType, Listing, Resource, config_maps

__all__ = [
    "ApiClient",
    "Conflict",
    "Event",
    "EventType",
    "Forbidden",
    "Invalid",
    "Listing",
    "Object",
    "Resource",
    "Verb",
    "VersionExpired",
    "config_maps",
]

PAGE_OBJECTS = 500
MAX_OBJECT_BYTES = 8 * 1024 * 1024  # etcd takes 1.5 MiB; JSON escapes can swell it
MAX_PAGE_BYTES = 2 * MAX_OBJECT_BYTES  # a page of fewer objects is asked for where they are larger
REQUEST_SECONDS = 30.0
WRITE_SECONDS = 4.0  # a write that is not answered by then may still happen a moment later, and no longer
WATCH_SECONDS = 60  # short, so that a connection that died in silence is noticed within WATCH_SECONDS + _SLACK_SECONDS
_SLACK_SECONDS = 15.0


class VersionExpired(ApiServerUnavailable):
    """The resource version is too old to watch from (410 Gone): list again."""


class NotTaken(ApiServerUnavailable):
    """The API server answered, and did not take what was asked: nothing was written, and it would not be by asking
    again."""


class Conflict(NotTaken):
    """Somebody else wrote in between (409): the object is another version than was read, or there already."""


class Forbidden(NotTaken):
    """These credentials may not do this (403)."""


class Invalid(NotTaken):
    """The API server, or a webhook that it asked, does not take the object as it is (422)."""


class _TooLong(ApiServerUnavailable):
    """An answer is longer than it may be."""


class Verb(Enum):
    """A way to write: its HTTP method and what it sends."""

    CREATE = ("POST", "application/json")
    REPLACE = ("PUT", "application/json")
    MERGE = ("PATCH", "application/merge-patch+json")  # RFC 7396
    APPLY = ("PATCH", "application/apply-patch+yaml")  # server-side; the path says for whom
    DELETE = ("DELETE", "application/json")  # the document is DeleteOptions


class ApiClient:
    """A client for one API server; use it as an async context manager. Raises ApiServerUnavailable only."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._connection.tls)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> Object | None:
        """The object at this path, or None when the server says that there is none."""
        limits = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        async with self._ask(path, {}, limits) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            _expect_ok(answer)
            return await _parsed(await _read(answer, MAX_OBJECT_BYTES), Form.OBJECT)

    async def text(self, path: str) -> str:
        """What stands at this path, whatever it is: of MAX_OBJECT_BYTES at most, as UTF-8, else with question marks."""
        limits = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        async with self._ask(path, {}, limits) as answer:
            _expect_ok(answer)
            return (await _read(answer, MAX_OBJECT_BYTES)).decode("utf-8", errors="replace")

    async def write(self, verb: Verb, path: str, document: Object) -> Object | None:
        """The object as it is after the write, or None when there is none at this path.

        A document that names a resource version is written to that version alone. Raises Conflict, Forbidden, Invalid,
        and ApiServerUnavailable for everything else; then it is not known whether it was written.
        """
        limits = aiohttp.ClientTimeout(total=WRITE_SECONDS)
        async with self._ask(path, {}, limits, verb=verb, document=document) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                return None
            if answer.status == HTTPStatus.CONFLICT:
                raise Conflict(f"{path}: somebody else wrote in between")
            _expect_ok(answer)
            return await _parsed(await _read(answer, MAX_OBJECT_BYTES), Form.OBJECT)

    async def list(self, resource: Resource) -> Listing:
        """Every object of the collection at once; see `pages`."""
        pages = [page async for page in self.pages(resource)]
        return Listing(objects=tuple(one for page in pages for one in page.objects), version=pages[-1].version)

    async def pages(self, resource: Resource) -> AsyncGenerator[Listing, None]:
        """Every object of the collection, page by page. Raises VersionExpired when it changed too much meanwhile.

        A page that is too long is asked for again with half as many objects, and so are those after it: only a single
        object larger than MAX_PAGE_BYTES can't be listed. An object that can't be read is there without its spec, as
        `parse_document` says; so it is in `get` and `watch`.
        """
        position, count = "", PAGE_OBJECTS
        while True:
            try:
                page = await self._page(resource, position, count)
            except _TooLong:
                if count == 1:
                    raise
                count //= 2
                continue
            yield Listing(objects=tuple(_objects(page, resource)), version=_version(page))
            position = str(_metadata(page).get("continue") or "")
            if not position:
                return

    async def watch(self, resource: Resource, version: str) -> AsyncGenerator[Event, None]:
        """Every change after this version, until the server ends the watch, which it does after WATCH_SECONDS.

        Raises VersionExpired for 410, as status or as ERROR event, and ApiServerUnavailable for everything else that
        is no event: then nothing is known of what came after the last event.
        """
        parameters = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        quiet = WATCH_SECONDS + _SLACK_SECONDS
        limits = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=quiet)
        async with self._ask(resource.path, parameters, limits) as answer:
            _expect_ok(answer)
            async for line in _lines(answer):
                yield _event(await _parsed(line, Form.EVENT))

    async def _page(self, resource: Resource, position: str, count: int) -> Object:
        parameters = {"limit": str(count)} | ({"continue": position} if position else {})
        parameters |= {"labelSelector": resource.labels} if resource.labels else {}
        limits = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        async with self._ask(resource.path, parameters, limits) as answer:
            _expect_ok(answer)
            return await _parsed(await _read(answer, MAX_PAGE_BYTES), Form.PAGE)

    @asynccontextmanager
    async def _ask(
        self,
        path: str,
        parameters: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        *,
        verb: Verb | None = None,
        document: Object | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request, and every way in which it and the reading of its answer can fail turned into our error."""
        if self._session is None:
            raise RuntimeError("use the client as an async context manager")
        authorization = self._connection.authorization()
        headers = {"Accept": "application/json"} | ({"Authorization": authorization} if authorization else {})
        method, sent = verb.value if verb else ("GET", "")
        headers |= {"Content-Type": sent} if verb else {}
        try:
            async with self._session.request(
                method,
                URL(self._connection.server + path, encoded=True),
                params=parameters,
                data=None if document is None else msgspec.json.encode(document),
                headers=headers,
                timeout=limits,
                allow_redirects=False,
                server_hostname=self._connection.tls_server_name,
            ) as answer:
                yield answer
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ApiServerUnavailable(f"{path}: {printable(str(error) or type(error).__name__)}") from error


def _expect_ok(answer: aiohttp.ClientResponse) -> None:
    if answer.status == HTTPStatus.GONE:
        raise VersionExpired(f"{answer.url.path}: the resource version has expired")
    if answer.status == HTTPStatus.FORBIDDEN:
        raise Forbidden(f"{answer.url.path}: the API server answered {answer.status}")
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        raise Invalid(f"{answer.url.path}: the API server answered {answer.status}")
    if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise ApiServerUnavailable(f"{answer.url.path}: the API server answered {answer.status}")


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > limit:
            raise _TooLong(f"{answer.url.path}: the answer is longer than {limit} bytes")
    return bytes(content)


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole lines of at most MAX_OBJECT_BYTES. What stands after the last line end was cut off, and is no line."""
    rest = b""
    async for chunk in answer.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > MAX_OBJECT_BYTES:
            raise ApiServerUnavailable(f"{answer.url.path}: an event is longer than {MAX_OBJECT_BYTES} bytes")


async def _parsed(content: bytes, form: Form) -> Object:
    """In a thread: what was written to be slow to read holds up no review."""
    return await asyncio.to_thread(parse_document, content, form)


def _event(event: Object) -> Event:
    subject = event.get("object")
    if not isinstance(subject, dict):
        raise ApiServerUnavailable("the watch sent an event without an object")
    if event.get("type") == "ERROR":
        expired = subject.get("code") == HTTPStatus.GONE
        raise (VersionExpired if expired else ApiServerUnavailable)("the watch ended with an ERROR event")
    try:
        kind = EventType(event.get("type"))
    except ValueError as error:
        raise ApiServerUnavailable("the watch sent an event of an unknown type") from error
    return Event(type=kind, object=subject, version=_version(subject))


def _objects(page: Object, resource: Resource) -> list[Object]:
    items = page.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ApiServerUnavailable(f"{resource.path}: the API server sent no list of objects")
    return [*items]


def _version(document: Object) -> str:
    version = _metadata(document).get("resourceVersion")
    if not isinstance(version, str) or not version:
        raise ApiServerUnavailable("the API server sent no resource version")
    return version


def _metadata(document: Object) -> Object:
    metadata = document.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
