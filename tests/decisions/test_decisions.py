"""Every case of `cases/`: the same facts give the same verdict, whoever asks."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from controller.core.policy import Uncovered
from controller.core.reasons import Outcome
from controller.core.verdict import Verdict
from controller.engine.circumstances import Circumstances
from controller.engine.decision import decide
from controller.telemetry import Metrics
from controller.webhook.bodies import Bodies
from controller.webhook.judging import Judge
from controller.webhook.review import ReviewEndpoint
from controller.wire.admission import parse_review
from controller.wire.workload import parse_workload
from tests.support.decisions import Case, read_cases

CASES = [pytest.param(case, id=case.name, marks=[pytest.mark.case(one) for one in case.ids]) for case in read_cases()]


async def decided(case: Case) -> Verdict:
    """What the decision says, as the scan and the command line will ask it."""
    deadline = asyncio.get_running_loop().time() + 10
    circumstances = Circumstances(now=case.now, deadline=deadline, uncovered=Uncovered(case.uncovered))
    workload = parse_workload(parse_review(json.dumps(case.review()).encode()))
    workload = replace(workload, namespace_labels=case.namespace_labels)
    return await decide(workload, snapshot=case.snapshot(), gather=case.gather, circumstances=circumstances)


async def answered(case: Case) -> dict[str, Any]:
    """What the API server is told: the response of the webhook's own handler."""
    snapshot = case.snapshot()

    async def labels(_namespace: str, _deadline: float) -> Mapping[str, str]:
        return case.namespace_labels

    judge = Judge(
        snapshot=lambda: snapshot,
        gather=case.gather,
        namespace_labels=labels,
        uncovered=Uncovered(case.uncovered),
        now=lambda: case.now,
    )
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(case.review()).encode(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/validate", "query_string": b"timeout=10s"}
    await ReviewEndpoint(judge, Metrics.create(), Bodies())(scope, receive, send)
    assert sent[0]["status"] == 200
    response: dict[str, Any] = json.loads(sent[1]["body"])["response"]
    return response


@pytest.mark.parametrize("case", CASES)
async def test_the_decision_is_as_the_case_says(case: Case) -> None:
    verdict = await decided(case)
    told: dict[str, Any] = {str(one.policy or ""): one.reason.name for one in verdict.findings}
    expected = case.expected
    assert (verdict.allowed, verdict.code, told) == (expected["allowed"], expected["code"], expected["findings"])
    assert sum(one.warns for one in verdict.findings) == expected.get("warnings", 0)


@pytest.mark.parametrize("case", CASES)
async def test_the_webhook_answers_what_was_decided(case: Case) -> None:
    response = await answered(case)
    verdict = await decided(case)
    assert response["allowed"] is case.expected["allowed"]
    assert len(response.get("warnings") or ()) == case.expected.get("warnings", 0)
    if not verdict.allowed:
        assert response["status"]["code"] == case.expected["code"]
        refusing = [one for one in verdict.findings if one.refuses and one.outcome is not Outcome.PASS]
        assert all(one.reason.name in response["status"]["message"] for one in refusing)
