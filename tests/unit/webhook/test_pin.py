"""POST /pin: what is pinned, to what, and that nothing that goes wrong ever refuses."""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any, Self

import pytest

from controller.core.errors import RegistryDenied, RegistryUnavailable
from controller.core.image import Digest, Repository
from controller.engine.pinning import Resolver
from controller.engine.policies import PolicyStore
from controller.registry.client import Deadline, Fetched
from controller.telemetry import Metrics
from controller.webhook.asgi import Message
from controller.webhook.bodies import Bodies
from controller.webhook.pinning import Pinner
from controller.webhook.review import ReviewEndpoint
from controller.wire.oci import OCI_INDEX
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.reviews import Document, container, encoded, pod, review

INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
DIGEST = Digest.of(INDEX)
OLD = Digest.of(b"what the tag pointed to before")
SHOP = "ghcr.io/acme/shop:v1"
PINNED = f"{SHOP}@{DIGEST}"


class Tags:
    """Stands where the registry is: every tag points to the index, unless it fails or stalls."""

    def __init__(self, *, error: Exception | None = None, seconds: float = 0, content: bytes = INDEX) -> None:
        self.asked: list[str] = []
        self._error, self._seconds, self._content = error, seconds, content

    def within(self, _deadline: Deadline) -> Self:
        return self

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        self.asked.append(f"{repository}:{reference}")
        await asyncio.sleep(self._seconds)
        if self._error is not None:
            raise self._error
        if reference == "absent":
            return None
        return Fetched(content=self._content, content_type=OCI_INDEX, digest=Digest.of(self._content))

    async def blob(self, *_: object) -> bytes:
        raise AssertionError("no blob is needed")

    def referrers(self, *_: object) -> Any:
        raise AssertionError("nobody discovers")


def store(*policies: Document) -> PolicyStore:
    loaded = PolicyStore()
    for kind in KINDS:
        loaded.replace(kind, [one for one in policies if one["kind"] == kind])
    return loaded


def enforced(**spec: Any) -> Document:
    return objects.policy(**({"match": {"images": objects.IMAGES}} | spec))


async def labels(_namespace: str, _deadline: float) -> Mapping[str, str] | None:
    return {}


class Server:
    def __init__(self, *policies: Document, tags: Tags | None = None, known: PolicyStore | None = None) -> None:
        self.tags = tags or Tags()
        self.metrics = Metrics.create()
        snapshot = (known or store(*(policies or (enforced(),)))).current
        resolver = Resolver(self.tags)
        self.endpoint = ReviewEndpoint(
            Pinner(snapshot=snapshot, namespace_labels=labels, resolve=resolver), self.metrics, Bodies()
        )

    async def ask(self, subject: object, *, query: bytes = b"timeout=3s", **request: Any) -> list[Any]:
        """The operations of the patch; that the pod is admitted is true in each test."""
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": encoded(review(subject, **request)), "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.endpoint({"method": "POST", "path": "/pin", "query_string": query}, receive, send)
        assert sent[0]["status"] == 200, sent
        response = json.loads(sent[1]["body"])["response"]
        assert response["allowed"] is True
        assert "status" not in response
        assert ("patchType" in response) == ("patch" in response)
        return list(json.loads(base64.b64decode(response["patch"]))) if "patch" in response else []


def replacing(pointer: str, text: str) -> Document:
    return {"op": "replace", "path": pointer, "value": text}


@pytest.mark.case("MODE-008")
async def test_a_tag_that_an_enforce_policy_pins_gets_its_digest() -> None:
    assert await Server().ask(pod(container(SHOP))) == [replacing("/spec/containers/0/image", PINNED)]


@pytest.mark.case("MODE-021")
async def test_every_place_is_pinned_in_the_order_of_the_spec_and_each_tag_is_asked_for_once() -> None:
    subject = pod(
        container(SHOP),
        container(f"ghcr.io/acme/done@{DIGEST}", "done"),
        container("ghcr.io/acme/bare", "bare"),
        initContainers=[container(SHOP, "init")],
        ephemeralContainers=[container(SHOP, "debug")],
        volumes=[{"name": "tmp", "emptyDir": {}}, {"name": "model", "image": {"reference": SHOP}}],
    )
    server = Server()
    assert await server.ask(subject) == [
        replacing("/spec/initContainers/0/image", PINNED),
        replacing("/spec/containers/0/image", PINNED),
        replacing("/spec/containers/2/image", f"ghcr.io/acme/bare:latest@{DIGEST}"),
        replacing("/spec/ephemeralContainers/0/image", PINNED),
        replacing("/spec/volumes/1/image/reference", PINNED),
    ]
    assert sorted(server.tags.asked) == ["ghcr.io/acme/bare:latest", SHOP]


@pytest.mark.case("MODE-020")
async def test_what_is_pinned_stays_as_it_is_when_it_is_asked_about_again() -> None:
    server = Server()
    assert await server.ask(pod(container(PINNED))) == []
    assert server.tags.asked == []
    added = pod(container(PINNED), container(SHOP, "added"))
    assert await server.ask(added) == [replacing("/spec/containers/1/image", PINNED)]


@pytest.mark.case("MODE-019")
@pytest.mark.parametrize("mode", ["Warn", "Audit"])
async def test_warn_and_audit_change_nothing(mode: str) -> None:
    server = Server(enforced(mode=mode))
    assert await server.ask(pod(container(SHOP))) == []
    assert server.tags.asked == []


@pytest.mark.case("MODE-012")
@pytest.mark.parametrize("tags", ["Deny", "Allow"])
async def test_a_tag_that_a_policy_denies_is_not_hidden_from_it(tags: str) -> None:
    second = objects.policy("second", tags=tags)
    expected = [] if tags == "Deny" else [replacing("/spec/containers/0/image", PINNED)]
    assert await Server(enforced(), second).ask(pod(container(SHOP))) == expected
    assert await Server(second).ask(pod(container(SHOP))) == []


@pytest.mark.case("MODE-015")
async def test_an_image_that_no_policy_is_about_causes_no_request() -> None:
    server = Server()
    assert await server.ask(pod(container("docker.io/library/nginx:1"))) == []
    assert server.tags.asked == []


@pytest.mark.case("MODE-014")
async def test_only_pods_that_are_created_or_updated_are_pinned() -> None:
    server = Server()
    template = {"metadata": {"name": "web"}, "spec": {"template": pod(container(SHOP))}}
    assert await server.ask(template, kind="Deployment") == []
    assert await server.ask(None, operation="DELETE", old=pod(container(SHOP))) == []
    assert server.tags.asked == []


@pytest.mark.case("COV-018")
async def test_a_mirror_pod_of_a_node_is_not_changed() -> None:
    subject = pod(container(SHOP), metadata={"annotations": {"kubernetes.io/config.mirror": "hash"}})
    node = {"username": "system:node:worker-1", "groups": ["system:nodes"]}
    assert await Server().ask(subject, userInfo=node) == []
    assert await Server().ask(subject) != []


@pytest.mark.case("MODE-022")
async def test_an_image_that_was_pinned_gets_its_old_digest_back_without_the_registry() -> None:
    server = Server(tags=Tags(error=RegistryUnavailable("down")))
    old = pod(container(f"{SHOP}@{OLD}"))
    patch = await server.ask(pod(container(SHOP)), operation="UPDATE", old=old)
    assert patch == [replacing("/spec/containers/0/image", f"{SHOP}@{OLD}")]
    assert server.tags.asked == []


@pytest.mark.parametrize(
    "before", [SHOP, "ghcr.io/acme/shop:v0", f"ghcr.io/acme/shop:v0@{OLD}", f"ghcr.io/acme/b@{OLD}"]
)
async def test_an_update_pins_what_it_changes_and_no_image_that_runs(before: str) -> None:
    patch = await Server().ask(pod(container(SHOP)), operation="UPDATE", old=pod(container(before)))
    assert patch == ([] if before == SHOP else [replacing("/spec/containers/0/image", PINNED)])


@pytest.mark.case("MODE-013")
@pytest.mark.parametrize(
    "tags",
    [
        Tags(error=RegistryUnavailable("down")),
        Tags(error=RegistryDenied("no")),
        Tags(content=b"<html>"),
        Tags(error=KeyError("a bug")),
    ],
    ids=["down", "denied", "nonsense", "bug"],
)
async def test_whatever_fails_changes_nothing_and_admits(tags: Tags) -> None:
    assert await Server(tags=tags).ask(pod(container(SHOP))) == []


async def test_one_tag_that_is_not_there_does_not_keep_the_others_from_being_pinned() -> None:
    subject = pod(container("ghcr.io/acme/gone:absent", "gone"), container(SHOP))
    server = Server()
    assert await server.ask(subject) == [replacing("/spec/containers/1/image", PINNED)]
    assert b'outcome="unpinned"} 1.0' in server.metrics.render()


@pytest.mark.case("MODE-013")
async def test_a_registry_that_stalls_is_not_waited_for_beyond_the_reviews_time() -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    server = Server(tags=Tags(seconds=60))
    assert await server.ask(pod(container(SHOP)), query=b"timeout=1s") == []
    assert clock() - started < 1


@pytest.mark.parametrize("subject", [{}, {"spec": {}}, pod(), pod({"name": "a"}), pod(container(":::")), "text", 1])
async def test_a_pod_that_can_not_be_read_is_for_the_validating_webhook_to_refuse(subject: object) -> None:
    assert await Server().ask(subject) == []


async def test_before_policies_are_loaded_nothing_is_pinned() -> None:
    server = Server(known=PolicyStore())
    assert await server.ask(pod(container(SHOP))) == []
    assert server.tags.asked == []


async def test_reviews_at_the_same_time_share_one_answer_and_later_ones_ask_again() -> None:
    server = Server(tags=Tags(seconds=0.05))
    patches = await asyncio.gather(*(server.ask(pod(container(SHOP))) for _ in range(20)))
    assert {str(patch) for patch in patches} == {str([replacing("/spec/containers/0/image", PINNED)])}
    assert server.tags.asked == [SHOP]
    await server.ask(pod(container(SHOP)))
    assert server.tags.asked == [SHOP, SHOP]


async def test_the_audit_log_is_told_what_was_pinned() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": encoded(review(pod(container(SHOP)))), "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await Server().endpoint({"method": "POST", "query_string": b""}, receive, send)
    assert json.loads(sent[1]["body"])["response"]["auditAnnotations"] == {"pinned": PINNED}
