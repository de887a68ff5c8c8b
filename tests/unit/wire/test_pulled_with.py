"""By which Secrets a workload is pulled: what the spec of a pod, of a template and of a running pod says."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.workload import NO_SECRETS, PulledWith
from controller.wire.admission import parse_review
from controller.wire.running import parse_running
from controller.wire.tagged import parse_tagged
from controller.wire.workload import parse_workload
from tests.support import running
from tests.support.reviews import Document, container, encoded, pod, review, templated

TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job", "CronJob")
NAMED: Document = {"imagePullSecrets": [{"name": "a"}, {"name": "b"}, {"name": "a"}, {"name": ""}, {}]}
BOTH = PulledWith(secrets=("a", "b"))


def told(subject: Document, kind: str = "Pod", **request: Any) -> PulledWith:
    return parse_workload(parse_review(encoded(review(subject, kind=kind, **request)))).pulled_with


def test_a_pod_is_pulled_with_what_it_names_alone() -> None:
    """It was given its service account's Secrets when it was created; the kubelet looks at nothing else."""
    assert told(pod(container("a/b:v1"), serviceAccountName="builder", **NAMED)) == BOTH
    assert told(pod(container("a/b:v1"), serviceAccountName="builder")) == NO_SECRETS
    assert told(pod(container("a/b:v1"), imagePullSecrets=None)) == NO_SECRETS


@pytest.mark.parametrize("kind", TEMPLATED)
def test_a_template_that_names_none_is_pulled_with_its_service_accounts(kind: str) -> None:
    assert told(templated(kind, pod(container("a/b:v1"), serviceAccountName="builder", **NAMED)), kind) == BOTH
    of_account = told(templated(kind, pod(container("a/b:v1"), serviceAccountName="builder")), kind)
    assert of_account == PulledWith(service_account="builder")
    assert told(templated(kind, pod(container("a/b:v1"))), kind) == PulledWith(service_account="default")


def test_of_an_update_the_new_object_tells() -> None:
    old = pod(container("a/b:v1"), imagePullSecrets=[{"name": "old"}])
    assert told(pod(container("a/b:v2"), **NAMED), operation="UPDATE", old=old) == BOTH


def test_pinning_and_the_scan_go_by_the_same() -> None:
    tagged = parse_tagged(parse_review(encoded(review(pod(container("a/b:v1"), **NAMED)))))
    document = running.running(running.pod("web", f"a/b@sha256:{'a' * 64}"))
    document["spec"] |= NAMED
    ran = parse_running(document)
    assert tagged is not None
    assert ran is not None
    assert tagged.workload.pulled_with == ran.shape.pulled_with == BOTH
