"""The Secrets by which a namespace pulls its images, read one by one, by name, and remembered for seconds.

Kubernetes documentation, "Pull an Image from a Private Registry": types kubernetes.io/dockerconfigjson and dockercfg.
"""

import asyncio
import math
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from controller.core.errors import ApiServerUnavailable, LimitExceeded, MalformedDocument, RegistryDenied
from controller.core.text import printable
from controller.kube.client import Forbidden, Object
from controller.kube.secret import parse_secret
from controller.wire.dockerconfig import DockerConfig, parse_docker_cfg, parse_docker_config

# What a burst of reviews shares, and the longest that a Secret counts once it was changed or deleted.
REMEMBERED_SECONDS = 5.0
FAILED_SECONDS = 1.0  # the same for what is not there or can't be read: somebody is about to mend it
MAX_SECRET_BYTES = 256 * 1024  # of the configuration in one Secret; those of whole companies have a tenth
MAX_REMEMBERED = 256
MAX_REMEMBERED_BYTES = 8 * 1024 * 1024  # of the configurations as they stand in Secrets
READS = 8  # at a time

# What the API server takes for a name (RFC 1123 subdomain). It does not hold imagePullSecrets to it: what is in the
# path of a request must lead nowhere else.
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")

_FORMS: Mapping[str, tuple[str, Callable[[bytes], DockerConfig]]] = {
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson", parse_docker_config),
    "kubernetes.io/dockercfg": (".dockercfg", parse_docker_cfg),
}


@dataclass(slots=True)
class _Remembered:
    reading: "asyncio.Task[_Read]"
    until: float  # on the loop's clock; infinite while it is being read
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What an object says: a Secret its configuration, a ServiceAccount the names of Secrets."""

    config: DockerConfig = field(default_factory=DockerConfig)
    names: tuple[str, ...] = ()
    size: int = 0


class PullSecrets:
    """Reads with `get` of an API client, never lists or watches: no other Secret comes near this process.

    What was read is remembered for REMEMBERED_SECONDS, and for FAILED_SECONDS that there is nothing to be had; failures
    to find out are not. Who needs the same at the same time shares one read. Belongs to one event loop.
    """

    def __init__(self, get: Callable[[str], Awaitable[Object | None]]) -> None:
        self._get = get
        self._known: OrderedDict[str, _Remembered] = OrderedDict()
        self._slots = asyncio.Semaphore(READS)

    async def config(self, namespace: str, name: str) -> DockerConfig:
        """The configuration in a Secret. Raises RegistryDenied if there is none to be had, LimitExceeded, and
        ApiServerUnavailable; the message names the Secret, and quotes nothing of it."""
        shown = f"Secret {namespace}/{name}"
        path = _path(namespace, "secrets", name)
        if path is None:
            raise RegistryDenied(f"{printable(shown)} can't be: that is no name of a Secret")
        return (await self._read(path, shown, lambda found: _secret(found, shown, (namespace, name)))).config

    async def named_by(self, namespace: str, service_account: str) -> tuple[str, ...]:
        """The names of the Secrets that a service account's pods are pulled with; none where it is not there (yet).

        Raises RegistryDenied and ApiServerUnavailable.
        """
        shown = f"ServiceAccount {namespace}/{service_account}"
        path = _path(namespace, "serviceaccounts", service_account)
        if path is None:
            return ()
        return (await self._read(path, shown, _service_account)).names

    async def _read(self, path: str, shown: str, parse: Callable[[Object | None], "_Read"]) -> "_Read":
        known = self._known.get(path)
        if known is None or known.until <= _now():
            reading = asyncio.create_task(self._fetch(path, shown, parse))
            known = self._known[path] = _Remembered(reading, until=float("inf"))
            self._known.move_to_end(path)
            reading.add_done_callback(lambda done: self._keep(path, done))
        return await asyncio.shield(known.reading)

    async def _fetch(self, path: str, shown: str, parse: Callable[[Object | None], "_Read"]) -> "_Read":
        async with self._slots:
            try:
                found = await self._get(path)
            except Forbidden as error:
                raise RegistryDenied(f"{shown} may not be read by Navicert: see podPullSecrets of its chart") from error
            except ApiServerUnavailable as error:
                raise ApiServerUnavailable(f"{shown}: the API server does not tell it") from error
        return parse(found)

    def _keep(self, path: str, done: "asyncio.Task[_Read]") -> None:
        """For how long, and instead of what was read longest ago."""
        kept = self._known[path]
        if done.cancelled() or isinstance(done.exception(), ApiServerUnavailable):
            del self._known[path]
            return
        failed = done.exception() is not None
        kept.until = _now() + (FAILED_SECONDS if failed else REMEMBERED_SECONDS)
        kept.size = 0 if failed else done.result().size
        over = sum(one.size for one in self._known.values()) - MAX_REMEMBERED_BYTES
        for oldest, one in list(self._known.items()):
            if one.until > _now() and over <= 0 and len(self._known) <= MAX_REMEMBERED:
                break
            if math.isfinite(one.until):  # others are read still, or read in this very turn of the loop, and come here
                del self._known[oldest]
                over -= one.size


def _path(namespace: str, plural: str, name: str) -> str | None:
    if not (_NAME.fullmatch(namespace) and _NAME.fullmatch(name)):
        return None
    return f"/api/v1/namespaces/{namespace}/{plural}/{name}"


def _secret(document: Object | None, shown: str, place: tuple[str, str]) -> _Read:
    if document is None:
        raise RegistryDenied(f"{shown} is not there")
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping) or (metadata.get("namespace"), metadata.get("name")) != place:
        raise ApiServerUnavailable(f"{shown}: the API server answered with another object")
    form = _FORMS.get(str(document.get("type")))
    if form is None:
        raise RegistryDenied(f"{shown} is of no type for pulling images: {' or '.join(_FORMS)}")
    key, parse = form
    content = parse_secret(document).contents.get(key, b"")
    if len(content) > MAX_SECRET_BYTES:
        raise LimitExceeded(f"{shown} is larger than {MAX_SECRET_BYTES} bytes")
    try:
        return _Read(config=parse(content).told, size=len(content))
    except MalformedDocument as error:
        raise RegistryDenied(f"{shown} can't be read: {error}") from error


def _service_account(document: Object | None) -> _Read:
    listed = (document or {}).get("imagePullSecrets")
    names = (one.get("name") for one in listed if isinstance(one, Mapping)) if isinstance(listed, list) else ()
    return _Read(names=tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name)))


def _now() -> float:
    return asyncio.get_running_loop().time()
