"""Navicert on a real node, as a platform team brings it in: one story, told in order."""

from __future__ import annotations

import time

from tests.e2e.cluster import Cluster, builder, measure, path_of, policy, trust_root
from tests.support.node import Node
from tests.support.registries import Pushed


def test_chart_is_installed_and_both_programs_are_ready(cluster: Cluster, node: Node) -> None:
    started = time.monotonic()
    cluster.install()
    measure("helm install --wait", started)


def test_signed_image_is_pulled_and_runs(cluster: Cluster, signed: Pushed, trusted: list[bytes]) -> None:
    for document in (trust_root(trusted[0]), builder(), policy("Enforce")):
        cluster.apply(path_of(document), document)
    cluster.run_pod("signed", signed.reference)
    cluster.wait_running("signed")


def test_unsigned_image_is_refused_with_its_reason(cluster: Cluster, unsigned: Pushed) -> None:
    cluster.wait_judging(unsigned.reference)
    told = cluster.refusal(unsigned.reference)
    assert told is not None
    assert "NoProvenance" in told
