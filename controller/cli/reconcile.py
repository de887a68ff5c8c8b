"""`navicert reconcile`: the operator, wired together."""

import asyncio
import faulthandler
import logging
import os
import uuid
from typing import Any

import click

from controller import __version__
from controller.cli.credentials import read_credentials
from controller.cli.files import read_registries
from controller.cli.options import (
    FILE,
    exception_maximum_option,
    log_level_option,
    registry_options,
    status_listen_option,
    uncovered_option,
)
from controller.cli.reportforms import REPORT_FORMS
from controller.core.errors import MalformedDocument
from controller.core.policy import Uncovered
from controller.engine.audit import AuditSettings
from controller.kube.connection import from_kubeconfig, in_cluster, own_namespace
from controller.kube.owner import token_owner
from controller.reconcile.look import ScanSettings
from controller.reconcile.names import Home
from controller.reconcile.operator import OperatorSettings
from controller.reconcile.operator import reconcile as run_operator
from controller.reconcile.registering import Exposure
from controller.settings import MAX_PORT
from controller.telemetry import configure_logging
from controller.wire.duration import parse_duration
from controller.wire.registries import Registries
from controller.wire.webhooks import ALWAYS_EXEMPT, MAX_EXEMPT, NEVER_EXEMPT

_log = logging.getLogger(__name__)

_OWN, _GIVEN = "self", "given"
_REPORTS = {**REPORT_FORMS, "none": None}


@click.command()
@click.option("--namespace", help="Navicert's own namespace; default: the pod's.")
@click.option("--name", default="navicert", show_default=True, help="What the Service, Secrets and so on start with.")
@click.option(
    "--service-port",
    type=click.IntRange(1, MAX_PORT),
    default=443,
    show_default=True,
    help="The port of the webhook's Service.",
)
@click.option(
    "--exempt-namespace",
    "exempt",
    multiple=True,
    help="A namespace whose workloads are not judged; again for more. Navicert's own and kube-system never are.",
)
@click.option(
    "--certificates",
    type=click.Choice([_OWN, _GIVEN]),
    default=_OWN,
    show_default=True,
    help="Who makes the webhook's certificate: Navicert itself, or somebody else who fills its Secret.",
)
@exception_maximum_option
@click.option(
    "--scan-period",
    type=parse_duration,
    metavar="DURATION",
    default="12h",
    show_default=True,
    help="How often everything that runs is judged anew, whatever happens; spread over that time.",
)
@click.option(
    "--reports",
    type=click.Choice(list(_REPORTS)),
    default="policyreport",
    show_default=True,
    help="What the scan writes: wgpolicyk8s.io PolicyReports, openreports.io Reports, or nothing.",
)
@uncovered_option
@registry_options
@click.option(
    "--pod-pull-secrets",
    is_flag=True,
    help="Have the scan read images by the Secrets that their pods are pulled with, besides --credentials.",
)
@click.option("--kubeconfig", type=FILE, help="The cluster to work in; default: the pod's own.")
@status_listen_option
@log_level_option
def reconcile(**options: Any) -> None:
    """Run the operator until SIGTERM. Of several, one works and the others wait for its lease."""
    configure_logging(options["log_level"])
    faulthandler.enable()  # as in serve
    logging.getLogger("kopf").setLevel(logging.ERROR)
    namespace = options["namespace"] or own_namespace()
    connection = from_kubeconfig(options["kubeconfig"]) if options["kubeconfig"] else in_cluster()
    settings = OperatorSettings(
        home=Home(namespace=namespace, name=options["name"], owner=token_owner(connection.authorization() or "")),
        identity=f"{os.uname().nodename}_{uuid.uuid4()}",
        status_listen=options["status_listen"],
        exposure=Exposure(port=options["service_port"], exempt=_exempt(options["exempt"])),
        own_certificates=options["certificates"] == _OWN,
        exception_maximum=options["exception_maximum"],
        registries=read_registries(options["registries"]) if options["registries"] else Registries(),
        credentials=read_credentials(options["credentials"], options["credential_programs"]),
        pod_pull_secrets=options["pod_pull_secrets"],
        scan=_scan(options, namespace),
        reports=_REPORTS[options["reports"]],
    )
    if settings.home.namespace == NEVER_EXEMPT:
        raise MalformedDocument("Navicert needs a namespace of its own, not default: its own is exempt")
    _log.info("starting", extra={"version": __version__, "identity": settings.identity})
    asyncio.run(run_operator(connection, settings))


def _scan(options: dict[str, Any], namespace: str) -> ScanSettings:
    """Evidence is looked at anew within each period, however long a cache would keep it."""
    period = options["scan_period"]
    return ScanSettings(
        period=period,
        exempt=frozenset({ALWAYS_EXEMPT, namespace, *options["exempt"]}),
        audit=AuditSettings(
            uncovered=Uncovered(options["uncovered"]),
            exception_maximum=options["exception_maximum"],
            max_age=period.total_seconds() / 2,
        ),
    )


def _exempt(names: tuple[str, ...]) -> tuple[str, ...]:
    if NEVER_EXEMPT in names:
        raise MalformedDocument("the namespace default is never exempt: everybody's workloads land there")
    if len(names) > MAX_EXEMPT:
        raise MalformedDocument(f"at most {MAX_EXEMPT} namespaces are exempt")
    return names
