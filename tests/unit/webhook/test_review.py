"""POST /validate, driven by hand: what comes in, what goes out, and what is never admitted."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any

import msgspec
import pytest

from controller.core.evidence import Evidence, Gap
from controller.core.image import Digest
from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.engine.decision import RECENT_SECONDS
from controller.engine.gathering import GatherRequest, Known
from controller.engine.policies import PolicyStore
from controller.telemetry import Metrics
from controller.webhook.asgi import MAX_BODY_BYTES, Message, answer_seconds
from controller.webhook.bodies import Bodies
from controller.webhook.judging import Judge
from controller.webhook.review import MAX_BYTES_ON_LOOP, ReviewEndpoint, Tell
from controller.wire.admission import AdmissionRequest
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.reviews import UID, Document, container, encoded, pod, review

NOW = datetime(2026, 7, 1, tzinfo=UTC)
IMAGE = f"ghcr.io/acme/shop@{Digest.of(b'the image')}"


class Registry:
    """Stands where evidence comes from: counts what is asked, answers that nothing is attested, or fails or stalls."""

    def __init__(self, *, seconds: float = 0, error: Exception | None = None) -> None:
        self.asked: list[GatherRequest] = []
        self._seconds = seconds
        self.error = error

    async def __call__(self, request: GatherRequest) -> Evidence:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        try:
            async with asyncio.timeout_at(request.deadline):
                await asyncio.sleep(self._seconds)
        except TimeoutError:
            return Evidence(digest=None, gaps=(Gap(reason=Reason.DeadlineExceeded, detail="ghcr.io stalls"),))
        return Evidence(digest=request.reference.digest)


async def unlabelled(_namespace: str, _deadline: float) -> Mapping[str, str] | None:
    return {}


def store(*policies: Document) -> PolicyStore:
    loaded = PolicyStore()
    for kind in KINDS:
        loaded.replace(kind, [one for one in policies if one["kind"] == kind])
    return loaded


@pytest.fixture(params=[True, False], ids=["at hand", "by the application"], autouse=True)
def asked_first(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it holds whether or not an endpoint is asked first for what it has at hand, as connections do."""
    monkeypatch.setattr(Server, "asks_first", request.param)


class Server:
    """An endpoint with everything around it, and one request at a time."""

    asks_first = True
    waited = 0.0  # seconds since a request came

    def __init__(self, policies: PolicyStore, registry: Registry, *told: Tell, **judge: Any) -> None:
        self.metrics = Metrics.create()
        known: dict[str, Any] = {"namespace_labels": unlabelled, "uncovered": Uncovered.ALLOW, "now": lambda: NOW}
        self.endpoint = ReviewEndpoint(
            Judge(snapshot=policies.current, gather=registry, **(known | judge)), self.metrics, Bodies(), *told
        )

    async def send(self, *chunks: bytes, query: bytes = b"timeout=10s", method: str = "POST") -> tuple[int, bytes]:
        coming: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        coming[-1]["more_body"] = False
        sent: list[Message] = []

        async def receive() -> Message:
            return coming.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": "/validate", "query_string": query, "state": {}}
        if self.asks_first and len(chunks) == 1:
            answer = self.endpoint.at_hand(scope, chunks[0], asyncio.get_running_loop().time() - self.waited)
            if answer is not None:
                return 200, answer
        await self.endpoint(scope, receive, send)
        start, body = sent
        assert (b"content-length", str(len(body["body"])).encode()) in start["headers"]
        return start["status"], body["body"]

    async def ask(self, subject: object, *, query: bytes = b"timeout=10s", **request: Any) -> Any:
        status, body = await self.send(encoded(review(subject, **request)), query=query)
        assert status == 200
        response = json.loads(body)["response"]
        assert response["uid"] == UID
        return response


ENFORCED = objects.policy(match={"images": objects.IMAGES})


def pods(*images: str) -> Document:
    return pod(*(container(image, f"c{number}") for number, image in enumerate(images)))


class AtHand(Registry):
    """Knows all that is asked, or fails before anything is waited for."""

    def __call__(self, request: GatherRequest) -> Awaitable[Evidence]:  # type: ignore[override]
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return Known(Evidence(digest=request.reference.digest))


def findings(caplog: pytest.LogCaptureFixture) -> Sequence[Mapping[str, Any]]:
    lines = [msgspec.to_builtins(vars(record)["review"]) for record in caplog.records if record.message == "review"]
    return [finding for image in lines[-1]["images"] for finding in image["findings"]]


@pytest.mark.case("COV-001")
async def test_an_unattested_init_container_beside_a_good_app_container_is_refused() -> None:
    other = f"ghcr.io/other/tool@{Digest.of(b'tool')}"
    subject = pod(container(other), initContainers=[container(IMAGE, "init")])
    response = await Server(store(ENFORCED), Registry()).ask(subject)
    assert (response["allowed"], response["status"]["code"]) == (False, 403)
    assert 'init container "init"' in response["status"]["message"]
    assert "NoProvenance" in response["status"]["message"]


@pytest.mark.case("COV-014")
async def test_evidence_for_an_image_used_twice_is_gathered_once() -> None:
    registry = Registry()
    await Server(store(ENFORCED), registry).ask(pods(IMAGE, IMAGE))
    assert len({request.reference for request in registry.asked}) == 1
    assert [request.max_age for request in registry.asked] == [inf, RECENT_SECONDS]  # once more where it fails


@pytest.mark.case("COV-010")
@pytest.mark.case("COV-023")
async def test_an_update_that_changes_no_image_is_admitted_without_asking_anybody() -> None:
    async def nobody(_namespace: str, _deadline: float) -> Mapping[str, str] | None:
        raise AssertionError("the namespace was looked up")

    registry = Registry(error=AssertionError("the registry was asked"))
    server = Server(store(ENFORCED), registry, namespace_labels=nobody)
    response = await server.ask(pods(IMAGE), operation="UPDATE", old=pods(IMAGE))
    assert response["allowed"] is True
    assert registry.asked == []


@pytest.mark.case("SVC-001")
async def test_before_every_kind_was_loaded_everything_is_refused() -> None:
    loading = PolicyStore()
    loading.replace("ClusterSLSAPolicy", [])
    registry = Registry()
    response = await Server(loading, registry).ask(pods("docker.io/library/nginx"))
    assert (response["allowed"], response["status"]["code"]) == (False, 503)
    assert "PoliciesNotSynced" in response["status"]["message"]
    assert registry.asked == []


@pytest.mark.case("SVC-007")
@pytest.mark.case("SVC-010")
@pytest.mark.parametrize(
    "error", [KeyError("secret-token"), RecursionError(), MemoryError(), ExceptionGroup("x", [OSError()])]
)
@pytest.mark.parametrize("registry", [Registry, AtHand])
async def test_a_bug_while_judging_refuses_and_tells_only_the_log(
    error: Exception, registry: type[Registry], caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(store(ENFORCED), registry(error=error))
    response = await server.ask(pods(IMAGE))
    assert (response["allowed"], response["status"]["code"]) == (False, 500)
    assert response["status"]["message"].startswith("InternalError: ")
    assert "secret-token" not in json.dumps(response)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.message == "review"
    assert b"navicert_internal_errors_total 1.0" in server.metrics.render()


@pytest.mark.parametrize(
    ("method", "body", "at_hand"),
    [
        ("POST", encoded(review(pods(IMAGE))), True),
        ("PUT", encoded(review(pods(IMAGE))), False),
        ("POST", encoded(review(pods(IMAGE), kind="Service")), False),
        ("POST", b"{", False),
        ("POST", encoded(review(pods(IMAGE), note="x" * MAX_BYTES_ON_LOOP)), False),
    ],
)
def test_at_hand_are_answers_to_reviews_and_to_nothing_else(method: str, body: bytes, *, at_hand: bool) -> None:
    server = Server(
        store(objects.policy(match={"images": ["ghcr.io/others/*"]})), Registry(), labels_at_hand=lambda _: {}
    )

    async def ask() -> bytes | None:
        return server.endpoint.at_hand({"method": method, "state": {}}, body, asyncio.get_running_loop().time())

    answer = asyncio.run(ask())
    assert (answer is not None) is at_hand
    assert answer is None or json.loads(answer)["response"]["allowed"] is True


@pytest.mark.case("SVC-007")
async def test_what_breaks_outside_of_judging_breaks_for_one_request_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_body: bytes) -> AdmissionRequest:
        raise KeyError("a bug")

    monkeypatch.setattr("controller.webhook.review.parse_review", broken)
    endpoint = Server(store(), Registry()).endpoint
    assert endpoint.at_hand({"method": "POST", "state": {}}, encoded(review(pods(IMAGE))), 0.0) is None


async def test_the_time_of_a_review_counts_from_when_it_came(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    registry = Registry(seconds=0.05)
    server = Server(store(ENFORCED), registry)
    server.waited = 3.0
    started = asyncio.get_running_loop().time()
    await server.ask(pods(IMAGE))
    waited = 3.0 if Server.asks_first else 0.0
    assert registry.asked[0].deadline == pytest.approx(started + 9 - waited, abs=1)
    assert 1000 * (waited + 0.05) <= vars(caplog.records[-1])["review"]["ms"] <= 1000 * (waited + 2)


async def test_an_answer_that_was_waited_for_leaves_after_what_is_told_of_it() -> None:
    told: list[Mapping[str, Any]] = []

    def tell(fields: Mapping[str, Any]) -> None:
        asyncio.get_running_loop().call_soon(told.append, fields)

    await Server(store(ENFORCED), Registry(), tell).ask(pods(IMAGE))
    assert len(told) == 1


@pytest.mark.case("POL-012")
async def test_a_review_goes_by_the_policies_of_before_its_namespace_was_asked_for() -> None:
    policies = store(ENFORCED)

    async def looked_up(_namespace: str, _deadline: float) -> Mapping[str, str] | None:
        policies.remove("ClusterSLSAPolicy", "", "production")
        return {}

    server = Server(policies, Registry(), namespace_labels=looked_up)
    assert (await server.ask(pods(IMAGE)))["allowed"] is False
    assert (await server.ask(pods(IMAGE)))["allowed"] is True


@pytest.mark.case("SVC-008")
async def test_a_stalled_registry_is_answered_for_before_the_review_times_out() -> None:
    server = Server(store(ENFORCED), Registry(seconds=60))
    clock = asyncio.get_running_loop().time
    started = clock()
    response = await server.ask(pods(IMAGE), query=b"timeout=1s")
    assert clock() - started < 1
    assert (response["allowed"], response["status"]["code"]) == (False, 503)
    assert "DeadlineExceeded" in response["status"]["message"]


@pytest.mark.case("POL-017")
async def test_one_time_is_told_to_all_of_a_review() -> None:
    registry = Registry()
    await Server(store(ENFORCED), registry).ask(pods(IMAGE, f"ghcr.io/acme/other@{Digest.of(b'other')}"))
    assert {request.now for request in registry.asked} == {NOW}


@pytest.mark.case("POL-011")
@pytest.mark.parametrize(("labels", "code"), [(None, 503), ({"tier": "production"}, 403), ({"tier": "test"}, None)])
async def test_a_selector_on_unknown_labels_errs_and_is_never_skipped(
    labels: Mapping[str, str] | None, code: int | None
) -> None:
    async def lookup(namespace: str, deadline: float) -> Mapping[str, str] | None:
        assert namespace == "shop"
        return labels

    selector = {"namespaces": {"selector": {"matchLabels": {"tier": "production"}}}}
    server = Server(store(objects.policy(match=selector)), Registry(), namespace_labels=lookup)
    response = await server.ask(pods(IMAGE))
    assert response.get("status", {}).get("code") == code
    assert response["allowed"] is (code is None)


@pytest.mark.parametrize(("tier", "code"), [("production", 403), ("test", None)])
async def test_labels_at_hand_decide_and_nobody_is_asked(tier: str, code: int | None) -> None:
    async def nobody(_namespace: str, _deadline: float) -> Mapping[str, str] | None:
        raise AssertionError("the namespace was looked up")

    at_hand = {"shop": {"tier": tier}}
    selector = {"namespaces": {"selector": {"matchLabels": {"tier": "production"}}}}
    policies = store(objects.policy(match=selector))
    server = Server(policies, Registry(), namespace_labels=nobody, labels_at_hand=at_hand.get)
    response = await server.ask(pods(IMAGE))
    assert response.get("status", {}).get("code") == code


async def test_labels_of_before_are_not_taken_beside_policies_of_after_a_large_object_was_read() -> None:
    """It is read in a thread, and meanwhile others may relabel a namespace and edit the policies that select it."""

    async def of_now(_namespace: str, _deadline: float) -> Mapping[str, str] | None:
        return {"tier": "production"}

    selector = {"namespaces": {"selector": {"matchLabels": {"tier": "production"}}}}
    before = {"shop": {"tier": "test"}}
    policies = store(objects.policy(match=selector))
    server = Server(policies, Registry(), namespace_labels=of_now, labels_at_hand=before.get)
    large = pod(container(IMAGE), metadata={"annotations": {"note": "x" * MAX_BYTES_ON_LOOP}})
    assert [(await server.ask(one))["allowed"] for one in (large, pods(IMAGE))] == [False, True]


async def test_looking_up_a_namespace_leaves_half_of_the_time_for_judging() -> None:
    given: list[float] = []

    async def lookup(_namespace: str, deadline: float) -> Mapping[str, str] | None:
        given.append(deadline - asyncio.get_running_loop().time())
        return {}

    await Server(store(ENFORCED), Registry(), namespace_labels=lookup).ask(pods(IMAGE), query=b"timeout=10s")
    assert 4 < given[0] < 4.6


@pytest.mark.case("MODE-002")
async def test_an_audited_failure_is_admitted_and_seen_in_the_line_and_the_metrics(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    server = Server(store(objects.policy(mode="Audit", match={"images": objects.IMAGES})), Registry())
    response = await server.ask(pods(IMAGE))
    assert response["allowed"] is True
    assert "warnings" not in response
    audited = [(one["mode"], one["outcome"], one["reason"]) for one in findings(caplog) if "policy" in one]
    assert audited == [("Audit", "fail", "NoProvenance")]
    exposed = server.metrics.render()
    assert b'navicert_findings_total{mode="Audit",outcome="fail",reason="NoProvenance"} 1.0' in exposed
    assert b'navicert_reviews_total{endpoint="validate",operation="CREATE",outcome="admitted"} 1.0' in exposed


@pytest.mark.case("EXC-001")
async def test_what_an_exception_covers_is_admitted_and_its_name_and_ticket_stand_in_the_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    policies = store(ENFORCED, objects.exception(images=["ghcr.io/acme/shop"]))
    server = Server(policies, Registry(), now=lambda: datetime(2026, 12, 1, tzinfo=UTC))
    assert (await server.ask(pods(IMAGE)))["allowed"] is True
    (excused,) = [one for one in findings(caplog) if "policy" in one]
    assert (excused["outcome"], excused["exception"], excused["ticket"]) == ("skip", "legacy", "OPS-1234")
    assert b'navicert_findings_total{mode="Enforce",outcome="skip",reason="Excepted"} 1.0' in server.metrics.render()
    further_ahead_than_may_be = Server(policies, Registry())
    assert (await further_ahead_than_may_be.ask(pods(IMAGE)))["allowed"] is False


@pytest.mark.case("MODE-017")
async def test_the_next_review_goes_by_the_edited_policy() -> None:
    policies = store(ENFORCED)
    server = Server(policies, Registry())
    assert (await server.ask(pods(IMAGE)))["allowed"] is False
    policies.apply(objects.policy(mode="Audit", match={"images": objects.IMAGES}))
    assert (await server.ask(pods(IMAGE)))["allowed"] is True


@pytest.mark.case("POL-012")
async def test_a_review_finishes_on_the_policies_it_started_with() -> None:
    policies = store(ENFORCED)

    class Deleting(Registry):
        async def __call__(self, request: GatherRequest) -> Evidence:
            policies.remove("ClusterSLSAPolicy", "", "production")
            return await super().__call__(request)

    server = Server(policies, Deleting())
    assert (await server.ask(pods(IMAGE)))["allowed"] is False
    assert (await server.ask(pods(IMAGE)))["allowed"] is True


@pytest.mark.case("COV-018")
@pytest.mark.case("COV-027")
@pytest.mark.parametrize(("group", "allowed"), [("system:nodes", True), ("system:authenticated", False)])
async def test_a_mirror_pod_is_admitted_as_under_audit_if_a_node_made_it(
    group: str, allowed: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    subject = pod(container(IMAGE), metadata={"annotations": {"kubernetes.io/config.mirror": "hash"}})
    user = {"username": "system:node:worker-1", "groups": [group]}
    response = await Server(store(ENFORCED), Registry()).ask(subject, userInfo=user)
    assert response["allowed"] is allowed
    assert "NoProvenance" in {one["reason"] for one in findings(caplog)}


@pytest.mark.case("POL-010")
async def test_an_image_that_no_policy_matches_is_for_the_setting_to_decide() -> None:
    registry = Registry()
    server = Server(store(ENFORCED), registry, uncovered=Uncovered.DENY)
    response = await server.ask(pods("docker.io/library/nginx"))
    assert "Uncovered" in response["status"]["message"]
    assert registry.asked == []


@pytest.mark.case("PARSE-010")
@pytest.mark.case("SVC-009")
@pytest.mark.case("SVC-015")
@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "not an AdmissionReview"),
        (b"not JSON", "not an AdmissionReview"),
        (encoded(review(pods(IMAGE)))[:-9], "not an AdmissionReview"),
        (encoded(review(pods(IMAGE)) | {"apiVersion": "admission.k8s.io/v1beta1"}), "admission.k8s.io/v1beta1"),
        (encoded(review(pods(IMAGE), uid=None)), "uid"),
        (encoded(review({"data": {}}, kind="ConfigMap")), "ConfigMap"),
        (encoded(review(pod())), "no containers"),
        (encoded(review(pods(""))), "names no image"),
    ],
)
async def test_what_is_no_review_to_judge_is_400_with_a_clear_message(body: bytes, word: str) -> None:
    status, message = await Server(store(), Registry()).send(body)
    assert status == 400
    assert word in message.decode()


@pytest.mark.case("PARSE-010")
async def test_a_body_over_the_bound_is_413_before_it_is_read_to_its_end() -> None:
    server = Server(store(), Registry())
    chunk = b" " * (1024 * 1024)
    status, _ = await server.send(*[chunk] * (MAX_BODY_BYTES // len(chunk)), b" ", *[chunk] * 3)
    assert status == 413
    status, _ = await server.send(*[chunk] * (MAX_BODY_BYTES // len(chunk)))
    assert status == 400


async def test_a_review_in_pieces_is_put_together() -> None:
    body = encoded(review(pods(IMAGE)))
    status, _ = await Server(store(), Registry()).send(body[:10], body[10:100], body[100:])
    assert status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
async def test_only_post_asks(method: str) -> None:
    status, _ = await Server(store(), Registry()).send(encoded(review(pods(IMAGE))), method=method)
    assert status == 405


async def test_a_body_that_never_ends_is_given_up_when_the_time_is_used_up() -> None:
    sent: list[Message] = []

    async def never() -> Message:
        await asyncio.sleep(60)
        raise AssertionError("not reached")

    async def send(message: Message) -> None:
        sent.append(message)

    endpoint = Server(store(), Registry()).endpoint
    await endpoint({"method": "POST", "query_string": b"timeout=1s"}, never, send)
    assert sent[0]["status"] == 408


async def test_nothing_is_answered_to_a_client_that_has_hung_up() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        raise AssertionError("something was sent")

    await Server(store(), Registry()).endpoint({"method": "POST"}, gone, send)


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        (b"timeout=10s", 9),
        (b"timeout=2s", 1.8),
        (b"timeout=1s", 0.8),
        (b"timeout=30s", 27),
        (b"timeout=99s", 27),
        (b"timeout=0s", 9),
        (b"timeout=-1s", 9),
        (b"timeout=1h", 9),
        (b"timeout=", 9),
        (b"", 9),
        (b"\xff", 9),
        ("timeout=٣s".encode(), 9),
    ],
)
def test_the_time_for_an_answer_is_the_reviews_own_less_a_margin(query: bytes, seconds: float) -> None:
    assert answer_seconds(query) == pytest.approx(seconds)


@pytest.mark.case("NET-011")
async def test_the_line_of_a_review_holds_no_environment(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    subject = pod(container(IMAGE, env=[{"name": "TOKEN", "value": "hunter2"}]))
    response = await Server(store(ENFORCED), Registry()).ask(subject)
    line = json.dumps([vars(record) for record in caplog.records], default=str)
    assert IMAGE in line
    assert "hunter2" not in line + json.dumps(response)
