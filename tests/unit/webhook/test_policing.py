"""POST /validate-policy: refused with every problem, and nobody is ever locked out of mending or deleting."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.errors import Problem
from controller.engine.admissibility import Review, review_object
from controller.engine.policies import Snapshot
from controller.telemetry import Metrics
from controller.webhook.asgi import Message
from controller.webhook.bodies import Bodies
from controller.webhook.policing import PolicyReviewer, ReviewObject
from controller.webhook.review import ReviewEndpoint
from tests.support import objects
from tests.support.reviews import Document, encoded, review

SOUND = objects.policy()
BROKEN = objects.policy(mach={"images": ["["]}, match={"images": ["ghcr.io//"]})


NOW = datetime(2026, 11, 1, tzinfo=UTC)


def examined(source: Mapping[str, object], snapshot: Snapshot | None) -> Review:
    return review_object(source, snapshot, now=NOW)


async def send(
    subject: object, *, review_object: ReviewObject = examined, kind: str = "ClusterSLSAPolicy", **request: Any
) -> tuple[int, bytes]:
    body = encoded(review(subject, kind=kind, **request)) if not isinstance(subject, bytes) else subject
    reviewer = PolicyReviewer(snapshot=lambda: None, review_object=review_object)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def collect(message: Message) -> None:
        sent.append(message)

    scope = {"method": "POST", "path": "/validate-policy", "query_string": b"timeout=5s"}
    await ReviewEndpoint(reviewer, Metrics.create(), Bodies())(scope, receive, collect)
    return sent[0]["status"], sent[1]["body"]


async def ask(subject: object, **request: Any) -> Document:
    status, body = await send(subject, **request)
    assert status == 200, body
    response: Document = json.loads(body)["response"]
    return response


@pytest.mark.parametrize("document", objects.FULL, ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
async def test_a_sound_object_of_every_kind_is_admitted(document: Document) -> None:
    def sound(_source: Mapping[str, object], _snapshot: Snapshot | None) -> Review:
        return Review()

    response = await ask(document, kind=document["kind"], review_object=sound)
    assert response["allowed"] is True


async def test_a_broken_object_is_refused_with_every_problem() -> None:
    response = await ask(BROKEN)
    assert (response["allowed"], response["status"]["code"], response["status"]["reason"]) == (False, 422, "Invalid")
    assert "mach" in response["status"]["message"]
    assert "match.images" in response["status"]["message"]


async def test_what_its_author_should_know_is_a_warning_and_refuses_nothing() -> None:
    def advising(_source: Mapping[str, object], _snapshot: Snapshot | None) -> Review:
        return Review(warnings=(Problem(path="", message="there is no TrustedBuilder nobody (yet)"),))

    response = await ask(SOUND, review_object=advising)
    assert response["allowed"] is True
    assert response["warnings"] == ["there is no TrustedBuilder nobody (yet)"]


async def test_the_message_is_bounded_and_counts_the_rest() -> None:
    def hopeless(_source: Mapping[str, object], _snapshot: Snapshot | None) -> Review:
        problems = (Problem(path=f"spec.require[{n}]", message="\x1b[31m" * 20) for n in range(500))
        return Review(problems=tuple(problems), warnings=(Problem(path="", message="w" * 999),) * 99)

    response = await ask(SOUND, review_object=hopeless)
    message = response["status"]["message"]
    assert len(message.encode()) <= 2048
    assert message.splitlines()[-1].endswith("more problems")
    assert all(line.isprintable() for line in message.splitlines())
    assert len(response["warnings"]) == 15
    assert all(len(warning) <= 256 for warning in response["warnings"])


async def test_deleting_a_broken_object_is_always_admitted() -> None:
    assert (await ask(None, operation="DELETE", old=BROKEN))["allowed"] is True


async def test_an_update_that_leaves_the_spec_as_it_is_may_do_anything_else() -> None:
    finalised = BROKEN | {"metadata": {"name": "production", "finalizers": []}}
    assert (await ask(finalised, operation="UPDATE", old=BROKEN))["allowed"] is True
    assert (await ask(BROKEN, operation="UPDATE", old=SOUND))["allowed"] is False
    assert (await ask(BROKEN, operation="UPDATE", old=SOUND, subResource="status"))["allowed"] is True


async def test_a_bug_of_ours_locks_nobody_out_and_says_that_nothing_was_examined() -> None:
    def breaking(_source: Mapping[str, object], _snapshot: Snapshot | None) -> Review:
        raise KeyError("secret")

    response = await ask(SOUND, review_object=breaking)
    assert response["allowed"] is True
    assert "could not examine" in response["warnings"][0]
    assert "secret" not in json.dumps(response)


@pytest.mark.parametrize(
    ("subject", "request_fields", "word"),
    [
        (b"{", {}, "AdmissionReview"),
        ([], {}, "no object"),
        (None, {}, "no object"),
        (SOUND, {"kind": "ConfigMap"}, "ConfigMap"),
        (SOUND, {"operation": "CONNECT"}, "CONNECT"),
    ],
)
async def test_what_is_no_review_of_an_object_is_400(subject: object, request_fields: Document, word: str) -> None:
    status, body = await send(subject, **request_fields)
    assert status == 400
    assert word in body.decode()


async def test_an_object_nested_too_deep_is_refused_at_the_door() -> None:
    document = encoded(review({"spec": "DEEP"}, kind="Pod")).replace(b'"DEEP"', b"[" * 1500 + b"]" * 1500)
    document = document.replace(
        b'{"group": "", "version": "v1", "kind": "Pod"}',
        b'{"group": "navicert.dev", "version": "v1alpha1", "kind": "TrustRoot"}',
    )
    status, body = await send(document)
    assert status in (200, 400)
    assert b'"allowed":true' not in body
