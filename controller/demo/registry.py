"""A read-only registry for the samples (OCI distribution-spec 1.1: pull and referrers), and an address that is silent.

Plain HTTP on 127.0.0.1 at ports the kernel picks. Not a registry to build on: it holds what it was given.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from controller.core.image import Digest
from controller.demo.images import Content, SampleImage, referrers_index

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulls:
    """The answers to pull requests for one repository, by the rest of the path."""

    repository: str
    answers: Mapping[str, Content]

    @classmethod
    def of(cls, repository: str, samples: Mapping[str, SampleImage], tags: Mapping[str, Digest]) -> "Pulls":
        """Everything that can be pulled: manifests by digest and tag, blobs, and the lists of referrers."""
        manifests = [content for image in samples.values() for content in (image.manifest, *image.referrers)]
        by_digest = {content.digest: content for content in manifests}
        answers = {f"manifests/{content.digest}": content for content in manifests}
        answers |= {f"manifests/{tag}": by_digest[digest] for tag, digest in tags.items()}
        answers |= {f"blobs/{blob.digest}": blob for image in samples.values() for blob in image.blobs}
        answers |= {f"referrers/{image.digest}": referrers_index(image) for image in samples.values()}
        return cls(repository=repository, answers=answers)

    async def answer(self, request: web.Request) -> web.Response:
        """The content asked for, or 404 (distribution-spec, pull)."""
        content = self.answers.get(request.match_info["rest"])
        if content is None or request.match_info["repository"] != self.repository:
            return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "not here"}]}, status=404)
        headers = {"Docker-Content-Digest": str(content.digest), "Content-Type": content.media_type}
        return web.Response(body=content.body, headers=headers)


@asynccontextmanager
async def serve_registry(pulls: Pulls) -> AsyncIterator[str]:
    """Serve until the context ends; yields host:port. Raises OSError when no port can be had."""
    application = web.Application()
    application.router.add_get(r"/v2/{repository:.+}/{rest:(?:manifests|blobs|referrers)/[^/]+}", pulls.answer)
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        yield f"{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class _Silence(asyncio.Protocol):
    """Connections that are accepted and never answered. No task waits for them, so none has to be cancelled."""

    def __init__(self, accepted: set[asyncio.BaseTransport]) -> None:
        self._accepted = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._accepted.add(transport)


@asynccontextmanager
async def serve_silence() -> AsyncIterator[str]:
    """An address that accepts connections and never answers, as a registry does that hangs; yields host:port."""
    accepted: set[asyncio.BaseTransport] = set()
    server = await asyncio.get_running_loop().create_server(lambda: _Silence(accepted), LOOPBACK, 0)
    try:
        yield f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for transport in accepted:
            transport.close()
