"""Leases and Secrets as documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.errors import ApiServerUnavailable
from controller.kube.client import WRITE_SECONDS
from controller.kube.lease import LeaseName, LeaseRecord, render_lease
from controller.kube.secret import Secret, parse_secret, render_tls_secret
from controller.reconcile.lease import LEASE_SECONDS, RENEW_SECONDS

NAME = LeaseName(namespace="navicert-system", name="navicert")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SEEN = LeaseRecord(version="7", holder="first", seconds=15, transitions=3)


def test_what_is_under_way_when_the_lease_ends_is_over_before_somebody_else_begins() -> None:
    assert RENEW_SECONDS + WRITE_SECONDS < LEASE_SECONDS


def test_a_lease_is_written_after_the_version_that_was_seen_and_counts_its_holders() -> None:
    renewed = render_lease(NAME, SEEN, holder="first", seconds=15, now=NOW)
    taken = render_lease(NAME, SEEN, holder="second", seconds=15, now=NOW)
    released = render_lease(NAME, SEEN, holder="", seconds=1, now=NOW)
    assert [one["spec"]["leaseTransitions"] for one in (renewed, taken, released)] == [3, 4, 3]
    assert renewed["metadata"]["resourceVersion"] == "7"
    assert "resourceVersion" not in render_lease(NAME, None, holder="first", seconds=15, now=NOW)["metadata"]
    assert NAME.path == "/apis/coordination.k8s.io/v1/namespaces/navicert-system/leases/navicert"


def test_a_lease_that_says_nothing_is_nobody_s() -> None:
    record = LeaseRecord.parse({"metadata": {"resourceVersion": "1"}, "spec": None})
    assert (record.holder, record.seconds, record.transitions) == ("", 0.0, 0)


@pytest.mark.parametrize("document", [{}, {"metadata": {}}, {"metadata": {"resourceVersion": "1"}, "spec": [1]}])
def test_what_is_no_lease_is_ignorance(document: dict[str, Any]) -> None:
    with pytest.raises(ApiServerUnavailable):
        LeaseRecord.parse(document)


def test_a_secret_is_read_back_as_it_was_written_and_junk_in_it_is_not_there() -> None:
    secret = Secret(version="4", contents={"tls.crt": b"certificate", "tls.key": b"\xff\x00"})
    document = render_tls_secret("navicert-system", "navicert-tls", secret)
    assert parse_secret(document) == secret
    assert document["type"] == "kubernetes.io/tls"
    junk = {**document, "data": {**document["data"], "ca.crt": "no base64!", "other": 5}}
    assert parse_secret(junk) == secret
    assert parse_secret(None) == Secret(contents={})
