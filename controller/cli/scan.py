"""`navicert scan`: the audit of a cluster through a kubeconfig, as a table, JSON or reports. Only prints."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import click

from controller.cli.auditing import Audited, AuditQuestion, ClusterAudit, audit_cluster
from controller.cli.credentials import read_credentials
from controller.cli.files import read_registries
from controller.cli.kubeconfig import found_kubeconfig, user_kubeconfig_option
from controller.cli.options import exception_maximum_option, registry_options, uncovered_option
from controller.cli.output import Cell, Column, Screen, Tone
from controller.cli.reportforms import REPORT_FORMS
from controller.core.policy import Uncovered
from controller.core.reasons import Outcome
from controller.core.verdict import Finding, ImageVerdict
from controller.engine.audit import AuditSettings
from controller.kube.connection import from_kubeconfig
from controller.wire.coverage import COVERAGE, render_coverage
from controller.wire.registries import Registries
from controller.wire.report import ReportForm, Subject, render_cluster_reports, render_reports
from controller.wire.reported import outcomes_of, policy_of, results_of
from controller.wire.webhooks import ALWAYS_EXEMPT

FAILED, IGNORANCE = 1, 3

_TONES = {Outcome.FAIL: Tone.BAD, Outcome.ERROR: Tone.NOTICE, Outcome.SKIP: Tone.NOTICE, Outcome.PASS: Tone.GOOD}
_COLUMNS = (
    *(Column(name) for name in ("namespace", "workload")),
    Column("image", folds=True),
    *(Column(name) for name in ("policy", "mode", "result", "reason")),
)


class _Output(Enum):
    TEXT = "text"
    JSON = "json"
    REPORTS = "reports"


@click.command("scan")
@user_kubeconfig_option
@click.option(
    "--output",
    type=click.Choice([choice.value for choice in _Output]),
    default=_Output.TEXT.value,
    show_default=True,
    help="How to answer; reports are a List of the objects that the operator would write.",
)
@click.option(
    "--reports",
    type=click.Choice(list(REPORT_FORMS)),
    default="policyreport",
    show_default=True,
    help="With --output reports: wgpolicyk8s.io PolicyReports, or openreports.io Reports.",
)
@click.option(
    "--exempt-namespace",
    "exempt",
    multiple=True,
    help="A namespace whose workloads are counted and not judged; again for more. kube-system always is.",
)
@uncovered_option
@exception_maximum_option
@registry_options
@click.option(
    "--pod-pull-secrets",
    is_flag=True,
    help="Read images by the Secrets that their pods are pulled with, besides --credentials; needs the right to.",
)
def scan(**options: Any) -> int:
    """Judge everything that runs in a cluster by the policies in it, as its admission would. Writes nothing to it.

    Exit codes: 0 all passed or excepted, 1 something failed, 3 something could not be found out.
    """
    question = AuditQuestion(
        settings=AuditSettings(
            uncovered=Uncovered(options["uncovered"]), exception_maximum=options["exception_maximum"]
        ),
        exempt=frozenset({ALWAYS_EXEMPT, *options["exempt"]}),
        registries=read_registries(options["registries"]) if options["registries"] else Registries(),
        credentials=read_credentials(options["credentials"], options["credential_programs"]),
        pod_pull_secrets=options["pod_pull_secrets"],
    )
    connection = from_kubeconfig(found_kubeconfig(options["kubeconfig"]))
    screen, now = Screen.over(sys.stdout, sys.stderr), datetime.now(UTC)
    with screen.progress("scanning") as tell:
        audited = asyncio.run(audit_cluster(connection, question, now=now, tell=tell))
    match _Output(options["output"]):
        case _Output.JSON:
            screen.document(_document(audited))
        case _Output.REPORTS:
            screen.document(_reports(audited, REPORT_FORMS[options["reports"]], question.settings.uncovered, now))
        case _Output.TEXT:
            _show(screen, audited)
    return _status(audited)


def _told(audited: ClusterAudit) -> Iterator[tuple[Audited, ImageVerdict, Finding]]:
    for one in audited.workloads:
        for verdict, finding in results_of(one.verdicts):
            yield one, verdict, finding


def _status(audited: ClusterAudit) -> int:
    outcomes = {finding.outcome for _, _, finding in _told(audited)}
    unknown = audited.waiting or any(one.unreadable for one in audited.coverage.values())
    if Outcome.FAIL in outcomes:
        return FAILED
    return IGNORANCE if Outcome.ERROR in outcomes or unknown else 0


def _show(screen: Screen, audited: ClusterAudit) -> None:
    """What does not pass, a line each, and how much there is of everything."""
    rows = [_row(*one) for one in _told(audited) if one[2].outcome is not Outcome.PASS]
    if rows:
        screen.table(_COLUMNS, rows)
        screen.line()
    counts = Counter(finding.outcome.value for _, _, finding in _told(audited))
    told = ", ".join(f"{counts[outcome.value]} {outcome.value}" for outcome in Outcome)
    screen.line(f"{len(audited.workloads)} workloads: {told}")
    for name, one in sorted(audited.coverage.items()):
        counted = {"uncovered": len(one.uncovered), "exempt": len(one.exempt), "unreadable": one.unreadable}
        what = ", ".join(f"{number} {word}" for word, number in counted.items() if number)
        if what:
            screen.line(f"namespace {name}: {what}")
    if audited.waiting:
        screen.problem("nodes have not told yet what some pods run: look again")


def _row(one: Audited, verdict: ImageVerdict, finding: Finding) -> tuple[Cell, ...]:
    top = one.workload.top
    words = (one.workload.namespace, f"{top.kind}/{top.name}", verdict.image.text, policy_of(finding))
    tone = _TONES[finding.outcome]
    return (
        *(Cell(word) for word in (*words, finding.mode.value)),
        Cell(finding.outcome.value, tone),
        Cell(finding.reason.name, tone),
    )


def _document(audited: ClusterAudit) -> dict[str, Any]:
    return {
        "workloads": [_workload(one) for one in audited.workloads],
        "coverage": {
            name: {"uncovered": sorted(one.uncovered), "exempt": sorted(one.exempt), "unreadable": one.unreadable}
            for name, one in sorted(audited.coverage.items())
        },
        "waiting": audited.waiting,
    }


def _workload(one: Audited) -> dict[str, Any]:
    top = one.workload.top
    return {
        "namespace": one.workload.namespace,
        "apiVersion": top.api_version,
        "kind": top.kind,
        "name": top.name,
        "images": [
            {
                "image": verdict.image.text,
                "digest": str(verdict.digest) if verdict.digest else None,
                "covered": verdict.covered,
                "findings": [_finding(finding) for finding in verdict.findings],
            }
            for verdict in one.verdicts
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    proven = finding.proven
    return {
        "policy": str(finding.policy) if finding.policy else None,
        "mode": finding.mode.value,
        "outcome": finding.outcome.value,
        "reason": finding.reason.name,
        "detail": finding.detail,
        "level": proven.level,
        "builders": list(proven.builders),
        "source": proven.source,
        "signer": proven.signer,
        "exception": proven.exception,
    }


def _reports(audited: ClusterAudit, form: ReportForm, uncovered: Uncovered, now: datetime) -> dict[str, Any]:
    items = [
        report
        for one in audited.workloads
        for report in render_reports(
            form,
            Subject(namespace=one.workload.namespace, top=one.workload.top),
            one.verdicts,
            outcomes_of(one.verdicts, {}, now=now),
        )
    ]
    coverage = render_cluster_reports(form, COVERAGE, render_coverage(audited.coverage, uncovered))
    return {"apiVersion": "v1", "kind": "List", "items": [*items, *coverage]}
