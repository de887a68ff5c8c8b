"""Running pods: which image runs, and to whom a pod belongs."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.errors import MalformedReview
from controller.wire.running import parse_owner, parse_running
from tests.support.running import pod, running

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def texts(document: dict[str, Any]) -> list[str]:
    found = parse_running(document)
    assert found is not None
    return [image.text for image in found.shape.images]


@pytest.mark.case("AUD-010")
@pytest.mark.parametrize(
    ("image", "image_id", "runs"),
    [
        (f"ghcr.io/acme/shop@{DIGEST}", f"ghcr.io/acme/shop@{OTHER}", f"ghcr.io/acme/shop@{DIGEST}"),
        (f"ghcr.io/acme/shop:v1@{DIGEST}", OTHER, f"ghcr.io/acme/shop:v1@{DIGEST}"),
        ("ghcr.io/acme/shop:v1", f"ghcr.io/acme/shop@{OTHER}", f"ghcr.io/acme/shop:v1@{OTHER}"),
        ("ghcr.io/acme/shop:v1", f"mirror.example:5000/a/b@{OTHER}", f"ghcr.io/acme/shop:v1@{OTHER}"),
        ("nginx", f"docker-pullable://nginx@{OTHER}", f"docker.io/library/nginx:latest@{OTHER}"),
        ("ghcr.io/acme/shop:v1", OTHER, "ghcr.io/acme/shop:v1"),
        ("ghcr.io/acme/shop:v1", f"docker://{OTHER}", "ghcr.io/acme/shop:v1"),
        ("ghcr.io/acme/shop:v1", "ghcr.io/acme/shop@sha512:abc", "ghcr.io/acme/shop:v1"),
        ("Not An Image", OTHER, "Not An Image"),
    ],
)
def test_the_spec_decides_by_digest_and_the_node_for_a_tag(image: str, image_id: str, runs: str) -> None:
    assert texts(running(pod("web", image), image_id)) == [runs]


@pytest.mark.parametrize("image_id", ["", None])
def test_an_image_whose_node_has_told_nothing_is_waited_for(image_id: str | None) -> None:
    found = parse_running(running(pod("web", f"a/b@{DIGEST}", "a/c:v1"), DIGEST, image_id))
    assert found is not None
    assert found.waiting
    assert [image.text for image in found.shape.images] == [f"docker.io/a/b@{DIGEST}"]


def test_containers_of_every_role_are_told_apart_and_volumes_by_tag_are_unknown() -> None:
    document = pod("web", "a/app:v1")
    document["spec"] |= {
        "initContainers": [{"name": "c0", "image": "a/init:v1"}],
        "ephemeralContainers": [{"name": "c0", "image": "a/debug:v1"}],
        "volumes": [{"name": "v", "image": {"reference": "a/volume:v1"}}],
    }
    document["status"] = {
        "phase": "Running",
        "initContainerStatuses": [{"name": "c0", "imageID": f"x@sha256:{'1' * 64}"}],
        "containerStatuses": [{"name": "c0", "imageID": f"x@sha256:{'2' * 64}"}],
        "ephemeralContainerStatuses": [{"name": "c0", "imageID": f"x@sha256:{'3' * 64}"}],
    }
    assert texts(document) == [
        f"docker.io/a/init:v1@sha256:{'1' * 64}",
        f"docker.io/a/app:v1@sha256:{'2' * 64}",
        f"docker.io/a/debug:v1@sha256:{'3' * 64}",
        "docker.io/a/volume:v1",
    ]


@pytest.mark.parametrize(
    ("phase", "runs"), [("Running", True), ("Pending", True), ("Succeeded", False), ("Failed", False)]
)
def test_a_pod_that_has_ended_runs_nothing(phase: str, *, runs: bool) -> None:
    assert (parse_running(running(pod("web", f"a/b@{DIGEST}"), DIGEST, phase=phase)) is not None) is runs


def test_pods_of_one_controller_look_the_same_whatever_they_are_called() -> None:
    shapes = set()
    for number in range(3):
        document = pod(f"web-{number}", f"a/b@{DIGEST}", labels={"b": "2", "a": "1"}, generate_name="web-")
        found = parse_running(running(document, DIGEST))
        assert found is not None
        shapes.add(found.shape)
    assert len(shapes) == 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"metadata": None},
        {"metadata": {"name": "web", "namespace": "shop"}},
        {"metadata": {"name": "web"}, "spec": {"containers": []}},
        {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c"}]}},
        {"metadata": {"name": "web"}, "spec": {"containers": "c"}},
    ],
)
def test_what_can_not_be_read_is_said_to_be_so(document: dict[str, Any]) -> None:
    with pytest.raises(MalformedReview):
        parse_running(document)


def test_only_the_controller_among_the_owners_counts() -> None:
    owners = [
        {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "1"},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "2", "controller": True},
    ]
    uid, controller = parse_owner({"metadata": {"uid": "0", "ownerReferences": owners}})
    assert uid == "0"
    assert controller is not None
    assert (controller.kind, controller.name, controller.uid) == ("ReplicaSet", "r", "2")
    assert parse_owner({"metadata": {"uid": "0", "ownerReferences": owners[:1]}}) == ("0", None)
