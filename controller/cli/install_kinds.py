"""`navicert install-kinds`: what the chart runs before it installs or upgrades anything else."""

import asyncio
from pathlib import Path

import click

from controller.cli.options import FILE
from controller.kube.client import ApiClient
from controller.kube.connection import Connection, from_kubeconfig, in_cluster
from controller.reconcile.kinds import install_kinds as install
from controller.telemetry import configure_logging
from controller.wire.reportkinds import POLICY_REPORTS, REPORT_KINDS


@click.command()
@click.option("--kubeconfig", type=FILE, help="The cluster to install them in; default: the pod's own.")
@click.option(
    "--reports",
    type=click.Choice(list(REPORT_KINDS)),
    default=POLICY_REPORTS,
    show_default=True,
    help="Whose report kinds are added where the cluster lacks them: what the operator is told to write.",
)
def install_kinds(kubeconfig: Path | None, reports: str) -> None:
    """Bring the kinds of Navicert to this version; objects of these kinds stay as they are."""
    configure_logging("info")
    asyncio.run(_install(from_kubeconfig(kubeconfig) if kubeconfig else in_cluster(), reports))


async def _install(connection: Connection, reports: str) -> None:
    async with ApiClient(connection) as client:
        await install(client, reports=reports)
