"""What reports tell: which results, since when, and what tells two reports apart."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from controller.core.image import Digest
from controller.core.policy import Mode
from controller.core.verdict import Finding, ImageVerdict
from controller.wire.policy.nodes import instant
from controller.wire.shapes import convert

SOURCE = "navicert"
MANAGED_BY = "app.kubernetes.io/managed-by"
UNCOVERED = "uncovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedOutcome:
    """How one policy judges one image, and since when it comes out so."""

    outcome: str
    since: datetime


ReportedOutcomes = Mapping[tuple[str, str], ReportedOutcome]
"""By policy and image."""


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    policy: str = ""
    result: str = ""
    properties: dict[str, str] = {}


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    results: tuple[_Result, ...] = ()


def results_of(verdicts: Iterable[ImageVerdict]) -> Iterator[tuple[ImageVerdict, Finding]]:
    """What is told of a workload: one result for each policy and image.

    That no policy covers an image is a result unless it is allowed; the coverage report counts it either way.
    """
    for verdict in verdicts:
        for finding in verdict.findings:
            if finding.policy is not None or finding.mode is not Mode.AUDIT:
                yield verdict, finding


def key_of(verdict: ImageVerdict, finding: Finding) -> tuple[str, str]:
    """What a result is about: its policy and its image."""
    return policy_of(finding), verdict.image.text


def policy_of(finding: Finding) -> str:
    """The policy as it is told."""
    return str(finding.policy) if finding.policy else UNCOVERED


def outcomes_of(verdicts: Iterable[ImageVerdict], before: ReportedOutcomes, *, now: datetime) -> ReportedOutcomes:
    """How everything comes out now: `since` is the time of the last change, and now for what is new."""
    outcomes: dict[tuple[str, str], ReportedOutcome] = {}
    for verdict, finding in results_of(verdicts):
        key, outcome = key_of(verdict, finding), finding.outcome.value
        known = before.get(key)
        if known is None or known.outcome != outcome:
            known = ReportedOutcome(outcome=outcome, since=now)
        outcomes[key] = known
    return outcomes


def parse_outcomes(report: Mapping[str, Any]) -> ReportedOutcomes:
    """How everything came out by a report. What can't be read of it is as if it were not there."""
    try:
        results = convert(report, _Report).results
    except (msgspec.MsgspecError, RecursionError):
        return {}
    return {
        (one.policy, one.properties.get("image", "")): ReportedOutcome(outcome=one.result, since=since)
        for one in results
        if (since := instant(one.properties.get("since"))) is not None
    }


def fingerprint(report: Mapping[str, Any]) -> Digest:
    """What tells two reports apart: all that is written, and nothing that the server adds."""
    metadata = report.get("metadata") or {}
    own = {name: report.get(name) for name in ("scope", "source", "summary", "results")}
    own |= {"owners": metadata.get("ownerReferences"), "label": (metadata.get("labels") or {}).get(MANAGED_BY)}
    return Digest.of(msgspec.json.encode(own, order="deterministic"))
