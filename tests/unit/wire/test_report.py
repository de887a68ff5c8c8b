"""Reports: what they say, what makes them differ, and how a large one is split."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.core.image import Digest
from controller.core.policy import Mode, PolicyName, Uncovered
from controller.core.reasons import Reason
from controller.core.verdict import Finding, ImageVerdict, Proven
from controller.core.workload import Slot, WorkloadImage
from controller.wire.coverage import COVERAGE, MAX_NAMED, Coverage, render_coverage
from controller.wire.report import MAX_REPORT_BYTES, ReportForm, Subject, render_cluster_reports, render_reports
from controller.wire.reported import fingerprint, outcomes_of, parse_outcomes
from controller.wire.running import Reference

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DIGEST = Digest("a" * 64)
SUBJECT = Subject(namespace="shop", top=Reference(api_version="apps/v1", kind="Deployment", name="web", uid="0b5cbe35"))


def verdict(image: str = "ghcr.io/acme/shop", *findings: Finding, **given: Any) -> ImageVerdict:
    found = WorkloadImage.of(f"{image}@{DIGEST}", (Slot(role="container", name="web"),))
    return ImageVerdict(image=found, digest=DIGEST, covered=True, findings=findings or (finding(**given),))


def finding(name: str = "production", reason: Reason = Reason.NoProvenance, **given: Any) -> Finding:
    policy = PolicyName(kind="ClusterSLSAPolicy", namespace="", name=name)
    return Finding(policy=policy, mode=given.pop("mode", Mode.ENFORCE), reason=reason, **given)


def rendered(*verdicts: ImageVerdict, form: ReportForm = ReportForm.POLICY_REPORT) -> tuple[dict[str, Any], ...]:
    return render_reports(form, SUBJECT, verdicts, outcomes_of(verdicts, {}, now=NOW))


def test_a_result_says_what_was_proven() -> None:
    proven = Proven(level=3, builders=("a", "b"), source="https://x", signer="k", exception="e", ticket="T-1")
    (report,) = rendered(verdict(reason=Reason.Satisfied, proven=proven))
    (result,) = report["results"]
    assert result["result"] == "pass"
    assert "severity" not in result
    assert result["properties"] == {
        "image": f"ghcr.io/acme/shop@{DIGEST}",
        "digest": str(DIGEST),
        "reason": "Satisfied",
        "mode": "Enforce",
        "level": "3",
        "builder": "a, b",
        "source": "https://x",
        "signer": "k",
        "exception": "e",
        "ticket": "T-1",
        "since": "2026-06-01T00:00:00Z",
    }


@pytest.mark.parametrize(("mode", "severity"), [(Mode.ENFORCE, "high"), (Mode.WARN, "medium"), (Mode.AUDIT, "low")])
def test_how_bad_a_failure_is_follows_from_the_mode(mode: Mode, severity: str) -> None:
    (report,) = rendered(verdict(mode=mode))
    assert report["results"][0]["severity"] == severity


def test_outcomes_are_kept_until_they_change() -> None:
    (report,) = rendered(verdict())
    before = parse_outcomes(report)
    later = NOW + timedelta(hours=1)
    same = outcomes_of([verdict()], before, now=later)
    changed = outcomes_of([verdict(reason=Reason.RegistryUnavailable)], before, now=later)
    assert {one.since for one in same.values()} == {NOW}
    assert {(one.outcome, one.since) for one in changed.values()} == {("error", later)}


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"results": None},
        {"results": "x"},
        {"results": [{"policy": 1}]},
        {"results": [{"policy": "p", "result": "fail", "properties": {"since": "yesterday"}}]},
        {"results": [{"policy": "p", "result": "fail"}]},
    ],
)
def test_a_report_that_somebody_else_wrote_tells_nothing(report: dict[str, Any]) -> None:
    assert parse_outcomes(report) == {}


def test_what_the_server_adds_makes_no_difference_and_any_edit_does() -> None:
    (report,) = rendered(verdict())
    stored = copy.deepcopy(report)
    stored["metadata"] |= {"uid": "1", "resourceVersion": "7", "managedFields": [], "annotations": {"a": "b"}}
    assert fingerprint(stored) == fingerprint(report)
    edits: list[Callable[[dict[str, Any]], object]] = [
        lambda one: one["results"][0].update(message="all is well"),
        lambda one: one["results"][0]["properties"].update(since="2020-01-01T00:00:00Z"),
        lambda one: one["summary"].update(fail=0),
        lambda one: one["metadata"].pop("ownerReferences"),
        lambda one: one["metadata"].pop("labels"),
        lambda one: one.pop("scope"),
    ]
    for edit in edits:
        edited = copy.deepcopy(stored)
        edit(edited)
        assert fingerprint(edited) != fingerprint(report)


def test_the_same_verdicts_in_any_order_are_the_same_report() -> None:
    one, two = verdict("ghcr.io/acme/a"), verdict("ghcr.io/acme/b", finding("z"), finding("a"))
    assert rendered(one, two) == rendered(two, one)


@pytest.mark.case("AUD-012")
def test_a_report_too_large_for_etcd_is_split_and_nothing_is_lost() -> None:
    long = "x" * 800
    verdicts = [verdict(f"ghcr.io/acme/shop-{number:04}", detail=long) for number in range(2000)]
    reports = rendered(*verdicts)
    names = [report["metadata"]["name"] for report in reports]
    assert names[:2] == ["navicert-0b5cbe35", "navicert-0b5cbe35-2"]
    assert len(names) == len(set(names)) > 2
    assert all(len(json.dumps(report)) < 1024 * 1024 for report in reports)
    told = [one["properties"]["image"] for report in reports for one in report["results"]]
    assert told == [one.image.text for one in verdicts]
    assert sum(report["summary"]["fail"] for report in reports) == len(verdicts)
    assert max(len(json.dumps(report["results"])) for report in reports) > MAX_REPORT_BYTES * 0.9


def test_foreign_text_is_fit_to_print_and_bounded() -> None:
    hostile = WorkloadImage.of("evil\x1b[31m\u202eimage", ())
    proven = Proven(source="s" * 5000, signer="k\x00")
    one = ImageVerdict(image=hostile, digest=None, covered=True, findings=(finding(proven=proven, detail="d" * 9000),))
    (report,) = rendered(one)
    (result,) = report["results"]
    assert json.dumps(result).isascii()
    assert all(value.isprintable() and len(value) <= 512 for value in result["properties"].values())
    assert len(result["message"]) <= 1024


def test_a_workload_of_which_there_is_nothing_to_tell_has_no_report() -> None:
    allowed = Finding(policy=None, mode=Mode.AUDIT, reason=Reason.Uncovered)
    assert rendered(verdict("ghcr.io/acme/shop", allowed)) == ()


@pytest.mark.case("AUD-014")
def test_coverage_counts_every_image_and_names_some() -> None:
    many = frozenset(f"ghcr.io/acme/{number:03}" for number in range(MAX_NAMED + 7))
    coverage = {"b": Coverage(uncovered=many), "a": Coverage(exempt=frozenset({"x"}), unreadable=2), "c": Coverage()}
    results = render_coverage(coverage, Uncovered.DENY)
    assert [(one["resources"][0]["name"], one["rule"], one["result"]) for one in results] == [
        ("a", "Exempt", "skip"),
        ("a", "Unreadable", "error"),
        ("b", "Uncovered", "fail"),
    ]
    assert results[2]["properties"]["images"] == str(len(many))
    assert results[2]["properties"]["named"].endswith(" and 7 more")
    (report,) = render_cluster_reports(ReportForm.OPEN_REPORTS, COVERAGE, results)
    assert (report["kind"], report["metadata"]["name"]) == ("ClusterReport", "navicert-coverage")
    assert report["summary"] == {"pass": 0, "fail": 1, "warn": 0, "error": 1, "skip": 1}
