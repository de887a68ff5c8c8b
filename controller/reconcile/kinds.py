"""The kinds themselves: what helm installs once and never upgrades is brought up to date before each release."""

import asyncio
import logging

from controller.core.errors import ApiServerUnavailable
from controller.kube.client import ApiClient, NotTaken, Object, Verb
from controller.kube.discovery import listed
from controller.wire.crd import render_definition
from controller.wire.policy.kinds import KINDS
from controller.wire.reportkinds import REPORT_KINDS, render_report_definition

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SERVED_SECONDS = 30.0
WRITES = 5  # of one definition: a busy API server may take longer to store it than a write may last
_LOOK_SECONDS = 0.2

_log = logging.getLogger(__name__)


async def install_kinds(client: ApiClient, *, reports: str) -> None:
    """Bring the five kinds to this version, add the report kinds of this setting where they are lacking, and wait until
    the API server serves all of them, and lists them for whoever creates objects of them next.

    Objects of the kinds stay. Report kinds that are there are left alone, whoever brought them. Raises
    ApiServerUnavailable when a write is refused, when the API server does not answer one of WRITES, and when a kind is
    not served within SERVED_SECONDS.
    """
    own = [render_definition(kind) for kind in KINDS.values()]
    lacking = [
        definition
        for definition in map(render_report_definition, REPORT_KINDS[reports])
        if await client.get(_path(definition)) is None
    ]
    for definition in (*own, *lacking):
        await _apply(client, definition)
        _log.info("kind installed", extra={"definition": _name(definition)})
    try:
        async with asyncio.timeout(SERVED_SECONDS):
            for definition in (*own, *lacking):
                await _served(client, definition)
    except TimeoutError as error:
        raise ApiServerUnavailable(f"a kind is not served after {SERVED_SECONDS:.0f} s") from error


async def _apply(client: ApiClient, definition: Object) -> None:
    """Applied once more it is the same."""
    for left in reversed(range(WRITES)):
        try:
            await client.write(Verb.APPLY, _applied(definition), definition)
        except NotTaken:
            raise
        except ApiServerUnavailable as error:
            if not left:
                raise
            _log.warning("kind not installed yet", extra={"definition": _name(definition), "error": str(error)})
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            return


async def _served(client: ApiClient, definition: Object) -> None:
    while not await _usable(client, definition):  # noqa: ASYNC110 (a fact of the server, needed once)
        await asyncio.sleep(_LOOK_SECONDS)


async def _usable(client: ApiClient, definition: Object) -> bool:
    if not _established(await client.get(_path(definition))):
        return False
    spec = definition["spec"]
    versions = [one["name"] for one in spec["versions"] if one["served"]]
    return all([spec["names"]["plural"] in await listed(client, spec["group"], version) for version in versions])


def _established(definition: Object | None) -> bool:
    status = (definition or {}).get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None  # null at first
    return any(one.get("type") == "Established" and one.get("status") == "True" for one in conditions or ())


def _name(definition: Object) -> str:
    return str(definition["metadata"]["name"])


def _applied(definition: Object) -> str:
    """As `navicert`, taking over what somebody else set: helm, which brought it first."""
    return f"{_path(definition)}?fieldManager=navicert&force=true"


def _path(definition: Object) -> str:
    return f"{DEFINITIONS}/{_name(definition)}"
