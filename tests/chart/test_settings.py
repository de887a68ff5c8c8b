"""Every setting of the two programs is a value of the same name, and what is said there reaches the program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import click
import pytest

from controller.cli.reconcile import reconcile
from controller.cli.serve import serve
from tests.support.chart import CLIENT_CA, template

PROGRAMS = {"webhook": serve, "operator": reconcile}


@dataclass(frozen=True, kw_only=True)
class Value:
    """What somebody says in their values, and what the program is told then, and is not where nobody says it."""

    said: Mapping[str, Any]
    told: str


CLIENT: Mapping[str, Any] = {"clientCA": CLIENT_CA}
SHARED = {
    "--uncovered": Value(said={"uncovered": "Deny"}, told="--uncovered=Deny"),
    "--exception-maximum": Value(said={"exceptionMaximum": "24h"}, told="--exception-maximum=24h"),
    "--log-level": Value(said={"logLevel": "debug"}, told="--log-level=debug"),
    "--registries": Value(said={"registries": [{"host": "r.example"}]}, told="--registries=/settings/registries.yaml"),
    "--credentials": Value(said={"credentials": ["read"]}, told="--credentials=/credentials"),
    "--credential-programs": Value(
        said={"credentialPrograms": {"emptyDir": {}}}, told="--credential-programs=/credential-programs"
    ),
    "--pod-pull-secrets": Value(said={"podPullSecrets": True, **CLIENT}, told="--pod-pull-secrets"),
}
VALUES = {
    "webhook": {
        **SHARED,
        "--listen": Value(said={"webhook": {"port": 9443}}, told="--listen=0.0.0.0:9443"),
        "--status-listen": Value(said={"webhook": {"statusPort": 9080}}, told="--status-listen=0.0.0.0:9080"),
        "--client-ca": Value(said=CLIENT, told="--client-ca=/settings/client-ca.pem"),
        "--client-names": Value(said={"clientNames": ["a", "b"], **CLIENT}, told="--client-names=a,b"),
        "--drain-seconds": Value(said={"drainSeconds": 7}, told="--drain-seconds=7"),
    },
    "operator": {
        **SHARED,
        "--status-listen": Value(said={"operator": {"statusPort": 9080}}, told="--status-listen=0.0.0.0:9080"),
        "--service-port": Value(said={"servicePort": 8443}, told="--service-port=8443"),
        "--exempt-namespace": Value(said={"exemptNamespaces": ["network"]}, told="--exempt-namespace=network"),
        "--certificates": Value(said={"certificates": {"source": "given"}}, told="--certificates=given"),
        "--scan-period": Value(said={"scanPeriod": "1h"}, told="--scan-period=1h"),
        "--reports": Value(said={"reports": "openreports"}, told="--reports=openreports"),
    },
}
OTHERWISE_NAMED = {
    "--listen": "where in a pod one listens is not to choose, which port is",
    "--status-listen": "likewise; of each program its own",
    "--exempt-namespace": "is given once for each, and the value holds all of them",
}
NO_VALUE = {
    "webhook": {
        "--tls-cert": "where the chart mounts the Secret navicert-tls",
        "--tls-key": "likewise",
        "--policies": "policies come from the cluster",
        "--namespace": "the pod's own",
        "--kubeconfig": "the pod's own",
    },
    "operator": {
        "--namespace": "the release's",
        "--name": "the same in every release, so that helm refuses a second one",
        "--kubeconfig": "the pod's own",
    },
}
CASES = [pytest.param(name, option, id=f"{name} {option}") for name in VALUES for option in VALUES[name]]


@cache
def arguments(program: str, said: str) -> tuple[str, ...]:
    (found,) = (
        one
        for one in template("--set-json", said)
        if one["kind"] == "Deployment" and one["metadata"]["name"] == f"navicert-{program}"
    )
    (container,) = found["spec"]["template"]["spec"]["containers"]
    return tuple(container["args"])


def joined(said: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={json.dumps(value)}" for name, value in said.items()) or 'uncovered="Allow"'


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_option_is_a_value_or_the_charts_own_to_give(program: str) -> None:
    options = {one for param in PROGRAMS[program].params if isinstance(param, click.Option) for one in param.opts}
    assert options == VALUES[program].keys() | NO_VALUE[program].keys()
    told = {one.partition("=")[0] for one in arguments(program, joined({}))}
    assert told <= options | {"serve", "reconcile"}


@pytest.mark.parametrize(("program", "option"), CASES)
def test_a_value_has_the_options_name_and_reaches_the_program(program: str, option: str) -> None:
    value = VALUES[program][option]
    assert value.told in arguments(program, joined(value.said))
    assert value.told not in arguments(program, joined({}))
    if option not in OTHERWISE_NAMED:
        assert _camel(option) == next(iter(value.said))


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_nobody_sets_is_told_as_the_option_itself_has_it(program: str) -> None:
    """Or the pages would be wrong about one of them."""
    defaults = {one.opts[0]: one.default for one in PROGRAMS[program].params if isinstance(one, click.Option)}
    for told in arguments(program, joined({}))[1:]:
        option, _, value = told.partition("=")
        if option not in NO_VALUE[program]:
            assert str(defaults[option]).removesuffix(".0") == value


def test_all_namespaces_and_one_port_reach_the_operator_and_the_service() -> None:
    said = {"exemptNamespaces": ["network", "storage"], "servicePort": 8443}
    assert {"--exempt-namespace=network", "--exempt-namespace=storage"} <= {*arguments("operator", joined(said))}
    documents = template("--set-json", joined(said))
    (service,) = (one for one in documents if one["kind"] == "Service" and one["metadata"]["name"] == "navicert")
    assert [one["port"] for one in service["spec"]["ports"]] == [8443]


@pytest.mark.parametrize(("seconds", "grace"), [(0, 43), (2, 45), (600, 643)])
def test_a_replica_is_not_killed_while_it_drains(seconds: int, grace: int) -> None:
    documents = template("--set-json", f"drainSeconds={seconds}")
    (webhook,) = (
        one["spec"]["template"]["spec"]
        for one in documents
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "navicert-webhook"
    )
    assert webhook["terminationGracePeriodSeconds"] == grace


def _camel(option: str) -> str:
    first, *rest = option.removeprefix("--").split("-")
    return first + "".join("CA" if word == "ca" else word.capitalize() for word in rest)
