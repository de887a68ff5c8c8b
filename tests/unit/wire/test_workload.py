"""Which images of which objects are judged."""

import dataclasses
from typing import Any

import pytest

from controller.core.errors import MalformedReview
from controller.core.workload import Form, Workload
from controller.wire.admission import parse_review
from controller.wire.podspec import MAX_PLACES, MIRROR_ANNOTATION
from controller.wire.workload import parse_workload
from tests.support.reviews import Document, container, encoded, pod, review, templated

GOOD, BAD = "ghcr.io/acme/shop:1", "evil.example/miner:1"
TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job", "CronJob")
NODE = {"username": "system:node:worker-1", "groups": ["system:nodes", "system:authenticated"]}


def workload(subject: object, **request: Any) -> Workload:
    return parse_workload(parse_review(encoded(review(subject, **request))))


def update(subject: Document, old: Document, **request: Any) -> Workload:
    return workload(subject, operation="UPDATE", old=old, **request)


def images(judged: Workload) -> dict[str, list[str]]:
    return {image.text: [str(slot) for slot in image.slots] for image in judged.images}


@pytest.mark.case("COV-001")
@pytest.mark.case("COV-002")
@pytest.mark.case("COV-003")
@pytest.mark.case("COV-004")
def test_every_place_of_a_pod_that_names_an_image_is_judged() -> None:
    subject = pod(
        container("example.com/app:1"),
        initContainers=[
            container("example.com/init:1", "init"),
            container("example.com/sidecar:1", "sidecar", restartPolicy="Always"),
        ],
        ephemeralContainers=[container("example.com/debug:1", "debug")],
        volumes=[
            {"name": "model", "image": {"reference": "example.com/model:1", "pullPolicy": "Always"}},
            {"name": "scratch", "emptyDir": {}},
        ],
    )
    assert images(workload(subject)) == {
        "example.com/init:1": ['init container "init"'],
        "example.com/sidecar:1": ['init container "sidecar"'],
        "example.com/app:1": ['container "app"'],
        "example.com/debug:1": ['ephemeral container "debug"'],
        "example.com/model:1": ['volume "model"'],
    }


@pytest.mark.case("COV-012")
@pytest.mark.parametrize("kind", TEMPLATED)
def test_every_kind_with_a_pod_template_is_judged_by_it(kind: str) -> None:
    template = pod(container(BAD), metadata={"labels": {"app": "web"}})
    judged = workload(templated(kind, template), kind=kind)
    assert images(judged) == {BAD: ['container "app"']}
    assert (judged.kind, judged.form, judged.labels) == (kind, Form.TEMPLATE, {"app": "web"})


@pytest.mark.case("COV-024")
def test_the_image_volume_of_a_cron_job_is_judged() -> None:
    volume = {"name": "model", "image": {"reference": BAD}}
    judged = workload(templated("CronJob", pod(container(GOOD), volumes=[volume])), kind="CronJob")
    assert images(judged)[BAD] == ['volume "model"']


@pytest.mark.case("COV-014")
def test_one_image_in_several_places_is_one_image_that_names_them_all() -> None:
    spellings = ("nginx", "docker.io/nginx", "index.docker.io/library/nginx:latest")
    subject = pod(*(container(text, f"c{number}") for number, text in enumerate(spellings)))
    assert images(workload(subject)) == {
        "docker.io/library/nginx:latest": ['container "c0"', 'container "c1"', 'container "c2"']
    }


@pytest.mark.case("COV-005")
@pytest.mark.case("COV-009")
@pytest.mark.case("COV-013")
@pytest.mark.parametrize(
    "metadata",
    [
        {"ownerReferences": [{"kind": "Deployment", "name": "admitted", "controller": True, "uid": "u"}]},
        {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0},
        {"annotations": {"navicert.dev/verified": "true"}, "labels": {"navicert.dev/verified": "true"}},
    ],
)
def test_nothing_a_user_writes_about_the_object_spares_its_images(metadata: Document) -> None:
    assert BAD in images(workload(pod(container(BAD), metadata=metadata)))


@pytest.mark.case("COV-007")
def test_an_update_is_judged_by_the_image_it_changes_whatever_else_it_changes() -> None:
    def deployment(image: str, replicas: int) -> Document:
        document = templated("Deployment", pod(container(image), container("other:1", "other")))
        document["spec"]["replicas"] = replicas
        return document

    judged = update(deployment(BAD, 1), deployment(GOOD, 3), kind="Deployment")
    assert images(judged) == {BAD: ['container "app"']}


@pytest.mark.case("COV-008")
@pytest.mark.case("COV-026")
def test_an_update_of_a_pod_is_judged_by_the_changed_one_of_its_images() -> None:
    metadata = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    new = pod(container(GOOD, "a"), container(BAD, "b"), metadata=metadata)
    old = pod(container(GOOD, "a"), container("good:2", "b"), metadata=metadata)
    assert images(update(new, old)) == {BAD: ['container "b"']}


@pytest.mark.case("COV-010")
@pytest.mark.case("COV-023")
@pytest.mark.parametrize("kind", TEMPLATED)
def test_an_update_that_changes_no_image_judges_nothing(kind: str) -> None:
    def labelled(value: str) -> Document:
        return templated(kind, pod(container(BAD), metadata={"labels": {"edited": value}}))

    assert update(labelled("yes"), labelled("no"), kind=kind).images == ()


@pytest.mark.case("COV-016")
def test_an_ephemeral_container_is_judged_alone() -> None:
    new = pod(container(BAD), ephemeralContainers=[container(GOOD, "debug")])
    judged = update(new, pod(container(BAD)), subResource="ephemeralcontainers")
    assert images(judged) == {"ghcr.io/acme/shop:1": ['ephemeral container "debug"']}


@pytest.mark.parametrize(
    ("role", "name"), [("containers", "other"), ("initContainers", "app"), ("ephemeralContainers", "app")]
)
def test_a_known_image_in_another_place_is_judged_again(role: str, name: str) -> None:
    new = pod(container(GOOD))
    new["spec"].setdefault(role, []).append(container(GOOD, name))
    assert len(update(new, pod(container(GOOD))).images) == 1


def test_an_image_volume_changed_by_an_update_is_judged() -> None:
    def mounted(reference: str) -> Document:
        return pod(container(GOOD), volumes=[{"name": "model", "image": {"reference": reference}}])

    assert images(update(mounted(BAD), mounted(GOOD))) == {BAD: ['volume "model"']}


@pytest.mark.case("COV-015")
@pytest.mark.parametrize(
    "subject",
    [
        None,
        {},
        {"spec": None},
        {"spec": {}},
        {"spec": {"containers": None}},
        {"spec": {"containers": []}},
        {"spec": {"containers": [], "initContainers": [container(GOOD)]}},
        {"spec": {"containers": {}}},
        {"spec": {"containers": [None]}},
        pod({"name": "app"}),
        pod(container(None)),
        pod(container("")),
        pod(container(7)),
        pod(container([GOOD])),
        pod(container(GOOD), initContainers=[container("")]),
        pod(container(GOOD), ephemeralContainers=[container(None)]),
        pod(container(GOOD), volumes=[{"name": "model", "image": {}}]),
        pod(container(GOOD), volumes=[{"name": "model", "image": {"reference": ""}}]),
        pod(container(GOOD), volumes=[{"name": "model", "image": "text"}]),
    ],
)
def test_a_pod_without_containers_or_with_an_image_that_is_not_there_is_malformed(subject: object) -> None:
    with pytest.raises(MalformedReview):
        workload(subject)


@pytest.mark.case("COV-015")
@pytest.mark.parametrize("kind", TEMPLATED)
@pytest.mark.parametrize("spec", [None, {}, {"template": None}, {"template": {}}, {"jobTemplate": {"spec": None}}])
def test_a_template_without_containers_is_malformed(kind: str, spec: object) -> None:
    with pytest.raises(MalformedReview):
        workload({"spec": spec}, kind=kind)


def test_an_update_without_the_old_object_is_malformed() -> None:
    with pytest.raises(MalformedReview, match="oldObject"):
        workload(pod(container(GOOD)), operation="UPDATE")


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT", "create", ""])
def test_another_operation_is_malformed(operation: str) -> None:
    with pytest.raises(MalformedReview, match="operation"):
        workload(pod(container(GOOD)), operation=operation)


@pytest.mark.case("SVC-015")
@pytest.mark.parametrize(
    "kind",
    [
        {"group": "", "version": "v1", "kind": "ConfigMap"},
        {"group": "autoscaling", "version": "v1", "kind": "Scale"},
        {"group": "apps", "version": "v1beta1", "kind": "Deployment"},
        {"group": "evil.example", "version": "v1", "kind": "Pod"},
        {"group": "apps", "version": "v1", "kind": "Pod"},
        {"group": "", "version": "v1", "kind": "PodTemplate"},
    ],
)
def test_a_kind_that_carries_no_known_pod_spec_is_malformed(kind: Document) -> None:
    document = review(pod(container(GOOD)))
    document["request"]["kind"] = kind
    with pytest.raises(MalformedReview, match="no pod spec"):
        parse_workload(parse_review(encoded(document)))


@pytest.mark.parametrize("namespace", [None, ""])
def test_a_workload_without_a_namespace_is_malformed(namespace: str | None) -> None:
    with pytest.raises(MalformedReview, match="namespace"):
        workload(pod(container(GOOD)), namespace=namespace)


def test_text_that_is_no_image_reference_is_judged_and_not_lost() -> None:
    judged = workload(pod(container(" "), container("UPPER/case", "b")))
    assert [image.reference for image in judged.images] == [None, None]
    assert judged.images[0].text.isprintable()


def test_nulls_are_absent_and_unknown_fields_ignored() -> None:
    subject = pod(container(GOOD), initContainers=None, ephemeralContainers=None, volumes=None, tomorrow=[1])
    subject["metadata"] |= {"labels": None, "annotations": None}
    judged = workload(subject)
    assert list(images(judged)) == [GOOD]
    assert judged.labels == {}


@pytest.mark.case("COV-018")
def test_a_mirror_pod_is_one_that_a_node_made() -> None:
    subject = pod(container(BAD), metadata={"annotations": {MIRROR_ANNOTATION: "hash"}})
    assert workload(subject, userInfo=NODE).mirror
    assert images(workload(subject, userInfo=NODE))


@pytest.mark.case("COV-027")
@pytest.mark.parametrize(
    "user",
    [
        None,
        {"username": "alice", "groups": ["system:authenticated"]},
        {"username": "alice", "groups": ["system:nodes"]},
        {"username": "system:node:worker-1", "groups": ["system:authenticated"]},
        {"username": "system:serviceaccount:a:system:node:b", "groups": ["system:nodes"]},
        {"username": None, "groups": None},
    ],
)
def test_the_mirror_annotation_of_anybody_else_is_nothing(user: Document | None) -> None:
    subject = pod(container(BAD), metadata={"annotations": {MIRROR_ANNOTATION: "hash"}})
    assert not workload(subject, userInfo=user).mirror


def test_a_node_without_the_annotation_makes_no_mirror_pod() -> None:
    assert not workload(pod(container(BAD)), userInfo=NODE).mirror


def test_a_template_is_never_a_mirror_pod() -> None:
    subject = templated("Deployment", pod(container(BAD)))
    subject["metadata"]["annotations"] = {MIRROR_ANNOTATION: "hash"}
    assert not workload(subject, kind="Deployment", userInfo=NODE).mirror


def test_a_pod_without_a_name_yet_goes_by_its_prefix() -> None:
    subject = pod(container(GOOD), metadata={"name": None, "generateName": "web-"})
    assert workload(subject, name=None).name == "web-"


def test_the_namespace_of_the_request_counts_not_what_the_object_says() -> None:
    judged = workload(pod(container(GOOD), metadata={"namespace": "kube-system"}))
    assert judged.namespace == "shop"
    assert dataclasses.replace(judged, namespace_labels={}).namespace_labels == {}
    assert judged.namespace_labels is None


def test_deep_and_broken_objects_are_malformed() -> None:
    body = encoded(review("HERE")).replace(b'"HERE"', b"[" * 50_000 + b"]" * 50_000)
    with pytest.raises(MalformedReview):
        parse_workload(parse_review(body))


def test_a_template_may_leave_the_image_of_a_volume_to_others_and_a_pod_may_not() -> None:
    spec = pod(container(GOOD), volumes=[{"name": "model", "image": {"reference": ""}}])
    assert set(images(workload(templated("Deployment", spec), kind="Deployment"))) == {GOOD}
    with pytest.raises(MalformedReview, match="names no image"):
        workload(spec)


def test_a_pod_that_names_more_images_than_anybody_runs_is_refused_before_they_are_looked_at() -> None:
    containers = [container("a", f"c{number}") for number in range(MAX_PLACES)]
    assert len(parse_workload(parse_review(encoded(review(pod(*containers))))).images) == 1
    with pytest.raises(MalformedReview, match="more than 4096 images"):
        parse_workload(parse_review(encoded(review(pod(*containers, container("a", "one more"))))))
