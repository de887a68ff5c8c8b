import json
from typing import Any

import pytest

from controller.core.explain import refusal, warnings
from controller.core.image import Digest
from controller.core.policy import Mode, PolicyName
from controller.core.reasons import Reason
from controller.core.verdict import Finding, ImageVerdict, conclude
from controller.core.workload import Form, Slot, WorkloadImage
from controller.demo.reviews import Kind, Ruling, Told, lines_of, read_decision, read_lines, render_review
from controller.wire.admission import parse_review
from controller.wire.workload import parse_workload

PRODUCTION = PolicyName(kind="ClusterSLSAPolicy", namespace="", name="production")


def answered(reason: Reason, detail: str, mode: Mode = Mode.ENFORCE) -> dict[str, Any]:
    """An answer about one image, in the words of the product."""
    text = f"registry.example:5000/acme/shop@{Digest.of(b'image')}"
    image = WorkloadImage.of(text, (Slot(role="container", name="app"),))
    finding = Finding(policy=PRODUCTION, mode=mode, reason=reason, detail=detail)
    verdict = conclude((ImageVerdict(image=image, digest=None, covered=True, findings=(finding,)),), expected=1)
    return {
        "allowed": verdict.allowed,
        "status": {"code": verdict.code, "message": refusal(verdict)},
        "warnings": warnings(verdict),
    }


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.remedy])
def test_reason_and_facts_of_a_refusal_are_read_without_the_remedy(reason: Reason) -> None:
    detail = "built from https://github.com/mallory/shop: expected https://github.com/acme/shop"
    told = read_lines(lines_of(answered(reason, detail)))
    if reason.outcome.value in ("fail", "error"):
        assert told == Told(reason=reason, why=detail)
    else:
        assert told is None


def test_a_reason_named_inside_the_facts_is_not_taken_for_the_reason() -> None:
    told = read_lines(lines_of(answered(Reason.PolicyBroken, "[x] Satisfied: Denied: no")))
    assert told is not None
    assert told.reason is Reason.PolicyBroken


def test_the_first_of_several_lines_that_tells_a_reason_is_read() -> None:
    told = read_lines(["and 3 more findings", "container app: image x: [y] Denied: the policy denies it"])
    assert told == Told(reason=Reason.Denied, why="the policy denies it")


def test_a_warning_is_read_like_a_refusal() -> None:
    told = read_lines(lines_of(answered(Reason.NoProvenance, "none was found", Mode.WARN)))
    assert told is not None
    assert told.reason is Reason.NoProvenance


@pytest.mark.parametrize(
    ("response", "ruling"),
    [
        ({"allowed": True}, Ruling.ADMITTED),
        ({"allowed": True, "warnings": ["careful"]}, Ruling.WARNED),
        ({"allowed": False, "status": {"code": 403}}, Ruling.REFUSED),
        ({"allowed": False, "status": {"code": 403}, "warnings": ["careful"]}, Ruling.REFUSED),
        ({"allowed": False, "status": {"code": 503}}, Ruling.UNKNOWN),
        ({"allowed": False, "status": {"code": 500}}, Ruling.OTHER),
        ({"allowed": False}, Ruling.OTHER),
        ({"allowed": "true"}, Ruling.OTHER),
        ({}, Ruling.OTHER),
    ],
)
def test_only_a_clear_yes_counts_as_admitted(response: dict[str, Any], ruling: Ruling) -> None:
    assert Ruling.of(response) is ruling


def test_a_warning_that_was_cut_loses_its_remedy_too() -> None:
    (line,) = answered(Reason.NoProvenance, "none was found " + "x" * 40, Mode.WARN)["warnings"]
    assert line.endswith("...")
    assert read_lines([line]) == Told(reason=Reason.NoProvenance, why="none was found " + "x" * 40)


def logged(*findings: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"message": "listening"},
        {"message": "review", "review": {"uid": "other", "images": [{"findings": [finding("Denied", "fail")]}]}},
        {"message": "review", "review": {"uid": "this", "images": [{"findings": list(findings)}]}},
    ]


def finding(reason: str, outcome: str, **fields: Any) -> dict[str, Any]:
    return {"reason": reason, "outcome": outcome, "detail": f"why {reason}", **fields}


def test_decision_of_an_admission_tells_what_was_proven() -> None:
    built = finding("Satisfied", "pass", level=3, builders=["platform"], source="https://github.com/acme/shop")
    signed = finding("Satisfied", "pass", signer="key release of acme")
    told = read_decision(logged(built, signed), "this")
    expected = "Build level 3 by platform, from https://github.com/acme/shop; signed by key release of acme"
    assert told == Told(reason=Reason.Satisfied, why=expected)


def test_decision_under_audit_tells_the_policy_before_the_coverage() -> None:
    told = read_decision(logged(finding("NoProvenance", "fail"), finding("Uncovered", "fail")), "this")
    assert told == Told(reason=Reason.NoProvenance, why="why NoProvenance")


def test_no_decision_line_tells_nothing() -> None:
    assert read_decision(logged(), "unknown") is None


def test_what_is_asked_reads_as_the_workload_that_is_meant() -> None:
    images = {"app": "registry.example/acme/shop:1", "sidecar": "registry.example/acme/shop:2"}
    for kind, form in ((Kind.POD, Form.POD), (Kind.DEPLOYMENT, Form.TEMPLATE)):
        body = json.dumps(render_review(kind, "shop", images)).encode()
        workload = parse_workload(parse_review(body))
        assert (workload.kind, workload.namespace, workload.form) == (kind.value, "shop", form)
        assert [image.text for image in workload.images] == list(images.values())
