"""`navicert try-gate`: what `helm test` runs, to see a review answered on the way that every review takes."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from controller.cli.options import FILE
from controller.core.errors import ApiServerUnavailable
from controller.kube.client import ApiClient, Invalid, Verb
from controller.kube.connection import Connection, from_kubeconfig, in_cluster, own_namespace
from controller.telemetry import configure_logging
from controller.wire.policy import GROUP, KINDS, VERSION

UNANSWERED = 1
LOOK_SECONDS = 1.0
_KIND = KINDS["SLSAPolicy"]
_SOUND: Mapping[str, Any] = {"mode": "Audit", "require": {"buildLevel": 1}}
_MISSPELT: Mapping[str, Any] = {**_SOUND, "excludedImages": ["*"]}

_log = logging.getLogger(__name__)


@click.command("try-gate")
@click.option("--kubeconfig", type=FILE, help="The cluster to try; default: the pod's own.")
@click.option("--namespace", help="Navicert's own namespace; default: the pod's.")
@click.option(
    "--wait",
    "seconds",
    metavar="SECONDS",
    type=click.FloatRange(0, 600),
    default=60.0,
    show_default=True,
    help="How long it may take until the API server is answered: webhooks are registered after a replica is ready.",
)
def try_gate(kubeconfig: Path | None, namespace: str | None, seconds: float) -> int:
    """Say whether the API server asks Navicert and is answered. Nothing is written.

    Offers the API server two SLSAPolicies for Navicert's own namespace, both as a dry run: a misspelt one, which only
    Navicert refuses, and a sound one, which has to be taken. Judging stands in the same configuration, and the same
    replicas answer it. Needs to create SLSAPolicies there and nothing else.

    Exit codes: 0 it is answered, 1 it is not, 3 that could not be found out.
    """
    configure_logging("info")
    connection = from_kubeconfig(kubeconfig) if kubeconfig else in_cluster()
    answered = asyncio.run(_answered_within(connection, namespace or own_namespace(), seconds))
    if answered:
        _log.info("the API server asks Navicert, and is answered")
        return 0
    _log.error("the API server took what Navicert refuses: it asks nobody, or nobody answers")
    return UNANSWERED


async def _answered_within(connection: Connection, home: str, seconds: float) -> bool:
    """Tries again and again; the last answer counts. Raises ApiServerUnavailable where that is none."""
    path = f"/apis/{GROUP}/{VERSION}/namespaces/{quote(home, safe='')}/{_KIND.plural}?dryRun=All"
    loop = asyncio.get_running_loop()
    ending = loop.time() + seconds
    async with ApiClient(connection) as client:
        while True:
            last = loop.time() >= ending
            try:
                if await _is_taken(client, path, _SOUND) and not await _is_taken(client, path, _MISSPELT):
                    return True
            except ApiServerUnavailable:
                if last:
                    raise
            if last:
                return False
            await asyncio.sleep(LOOK_SECONDS)


async def _is_taken(client: ApiClient, path: str, spec: Mapping[str, Any]) -> bool:
    """Whether the API server would store a policy of this spec. Raises ApiServerUnavailable where it says neither."""
    document = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": _KIND.name,
        "metadata": {"generateName": "try-gate-"},
        "spec": dict(spec),
    }
    try:
        if await client.write(Verb.CREATE, path, document) is None:
            raise ApiServerUnavailable(f"{path}: there are no such objects here: are the kinds installed?")
    except Invalid:
        return False
    return True
