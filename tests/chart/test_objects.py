"""What a release must have in it, written out: none of it is compared with something that renders it, too.

A row is an object, a place in it, and what stands there. Taking that out of the chart fails the row.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, NamedTuple

import pytest

from tests.support.chart import Document, template

ON, OFF = True, False
WEBHOOK, OPERATOR = "Deployment/navicert-webhook", "Deployment/navicert-operator"
KINDS_JOB, TEST_POD = "Job/navicert-kinds", "Pod/navicert-test"
HOOKS, GONE = "helm.sh~1hook", "helm.sh~1hook-delete-policy"
DNS = ["navicert.navicert-system.svc", "navicert.navicert-system"]
MUCH = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
LITTLE = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "fsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
SLOW_START = {"httpGet": {"path": "/livez", "port": "status"}, "periodSeconds": 2, "failureThreshold": 60}
ALIVE = {
    "httpGet": {"path": "/livez", "port": "status"},
    "periodSeconds": 10,
    "timeoutSeconds": 5,
    "failureThreshold": 6,
}
READY = {"httpGet": {"path": "/readyz", "port": "status"}, "periodSeconds": 5, "timeoutSeconds": 2}
SOON_READY = {**READY, "periodSeconds": 2, "failureThreshold": 2}
GAPLESS = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
IN_PLACE = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}


def selected(component: str) -> Document:
    return {"app.kubernetes.io/name": "navicert", "app.kubernetes.io/component": component}


def spread(component: str) -> list[Document]:
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selected(component)},
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]


class Row(NamedTuple):
    """An object by kind and name, a place in it as a JSON pointer has it, and what is there."""

    object: str
    place: str
    expected: Any
    values: str = ""  # JSON values of helm's


def rows_of_program(program: str, component: str, resources: Document) -> list[Row]:
    pod, container = "spec/template/spec", "spec/template/spec/containers/0"
    return [
        Row(program, "spec/replicas", 2),
        Row(program, "spec/strategy", GAPLESS),
        Row(program, "spec/selector/matchLabels", selected(component)),
        Row(program, f"{pod}/topologySpreadConstraints", spread(component)),
        Row(program, f"{pod}/priorityClassName", "system-cluster-critical"),
        Row(program, f"{pod}/priorityClassName", "high", 'priorityClassName="high"'),
        Row(program, f"{pod}/imagePullSecrets", [{"name": "pull"}], 'image={"pullSecrets":["pull"]}'),
        Row(program, f"{pod}/serviceAccountName", f"navicert-{component}"),
        Row(program, f"{pod}/automountServiceAccountToken", ON),  # both talk to the API server
        Row(program, f"{pod}/securityContext", POD_SECURITY),
        Row(program, f"{container}/securityContext", CONTAINER_SECURITY),
        Row(program, f"{container}/resources", resources),
        Row(program, f"{container}/startupProbe", SLOW_START),
        Row(program, f"{container}/livenessProbe", ALIVE),
        Row(program, f"{container}/imagePullPolicy", "IfNotPresent"),
        Row(program, f"{container}/image", "ghcr.io/navicert/navicert:0.1.0"),
        Row(program, f"{container}/image", f"r.example/n@sha256:{'a' * 64}", IMAGE),
        Row(program, f"{pod}/nodeSelector", {"a": "b"}, f'{component}={{"nodeSelector":{{"a":"b"}}}}'),
        Row(program, f"{pod}/tolerations", [{"key": "a"}], f'{component}={{"tolerations":[{{"key":"a"}}]}}'),
        Row(program, f"{pod}/affinity", {"podAffinity": {}}, f'{component}={{"affinity":{{"podAffinity":{{}}}}}}'),
        Row(f"PodDisruptionBudget/navicert-{component}", "spec/minAvailable", 1),
        Row(f"PodDisruptionBudget/navicert-{component}", "spec/unhealthyPodEvictionPolicy", "AlwaysAllow"),
        Row(f"PodDisruptionBudget/navicert-{component}", "spec/selector/matchLabels", selected(component)),
        Row(f"ServiceAccount/navicert-{component}", "automountServiceAccountToken", OFF),
        Row(f"NetworkPolicy/navicert-{component}", "spec/podSelector/matchLabels", selected(component)),
        Row(f"NetworkPolicy/navicert-{component}", "spec/policyTypes", ["Ingress", "Egress"]),
        Row(f"NetworkPolicy/navicert-{component}", "spec/egress", [{}]),
        Row(f"NetworkPolicy/navicert-{component}", "spec/egress", [TO_ANY_443], CLOSED),
        Row(f"Service/navicert-{component}-status", "spec/selector", selected(component)),
    ]


def rows_of_hook(one: str, events: str) -> list[Row]:
    return [
        Row(one, f"metadata/annotations/{HOOKS}", events),
        Row(one, f"metadata/annotations/{GONE}", "before-hook-creation,hook-succeeded"),
    ]


IMAGE = f'image={{"repository":"r.example/n","digest":"sha256:{"a" * 64}"}}'
TO_ANY_443 = {"ports": [{"port": 443}]}
CLOSED = 'networkPolicy={"egress":[{"ports":[{"port":443}]}],"metricsFrom":[{"podSelector":{}}]}'
HOST = "hostNetwork=true"
MANAGED = 'certificates={"source":"certManager","issuerRef":{"name":"ca"}}'
BEFORE_ALL = "pre-install,pre-upgrade,pre-rollback"
HTTPS, STATUS = {"port": "https", "protocol": "TCP"}, {"port": "status", "protocol": "TCP"}
ROWS = [
    *rows_of_program(WEBHOOK, "webhook", MUCH),
    *rows_of_program(OPERATOR, "operator", LITTLE),
    Row(WEBHOOK, "spec/template/spec/containers/0/readinessProbe", SOON_READY),
    Row(OPERATOR, "spec/template/spec/containers/0/readinessProbe", READY),
    Row(WEBHOOK, "spec/template/spec/terminationGracePeriodSeconds", 45),
    Row(OPERATOR, "spec/template/spec/terminationGracePeriodSeconds", 30),
    Row(WEBHOOK, "spec/template/spec/hostNetwork", OFF),
    Row(WEBHOOK, "spec/template/spec/hostNetwork", ON, HOST),
    Row(WEBHOOK, "spec/template/spec/dnsPolicy", "ClusterFirstWithHostNet", HOST),
    Row(WEBHOOK, "spec/strategy", IN_PLACE, HOST),
    Row(OPERATOR, "spec/strategy", GAPLESS, HOST),
    Row("NetworkPolicy/navicert-webhook", "spec/ingress", [{"ports": [HTTPS]}, {"ports": [STATUS]}]),
    Row("NetworkPolicy/navicert-operator", "spec/ingress", [{"ports": [STATUS]}]),
    Row(
        "NetworkPolicy/navicert-operator", "spec/ingress", [{"ports": [STATUS], "from": [{"podSelector": {}}]}], CLOSED
    ),
    Row("NetworkPolicy/navicert-test", "spec/podSelector/matchLabels", selected("test")),
    Row("NetworkPolicy/navicert-test", "spec/policyTypes", ["Ingress", "Egress"]),
    Row("NetworkPolicy/navicert-test", "spec/egress", [{}]),
    Row("NetworkPolicy/navicert-test", "spec/egress", [TO_ANY_443], CLOSED),
    Row("Service/navicert", "spec/selector", selected("webhook")),
    Row(
        "Service/navicert",
        "spec/ports",
        [{"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"}],
    ),
    *rows_of_hook("ServiceAccount/navicert-kinds", BEFORE_ALL),
    *rows_of_hook("ClusterRole/navicert-kinds", BEFORE_ALL),
    *rows_of_hook("ClusterRoleBinding/navicert-kinds", BEFORE_ALL),
    *rows_of_hook(KINDS_JOB, BEFORE_ALL),
    Row(KINDS_JOB, "spec/template/spec/containers/0/args", ["install-kinds", "--reports=policyreport"]),
    Row(KINDS_JOB, "spec/template/spec/securityContext", POD_SECURITY),
    Row(KINDS_JOB, "spec/template/spec/containers/0/securityContext", CONTAINER_SECURITY),
    Row(KINDS_JOB, "spec/template/spec/restartPolicy", "Never"),
    *rows_of_hook("ServiceAccount/navicert-test", "test"),
    *rows_of_hook("Role/navicert-test", "test"),
    *rows_of_hook("RoleBinding/navicert-test", "test"),
    *rows_of_hook("NetworkPolicy/navicert-test", "test"),
    *rows_of_hook(TEST_POD, "test"),
    Row(
        "Role/navicert-test",
        "rules",
        [{"apiGroups": ["navicert.dev"], "resources": ["slsapolicies"], "verbs": ["create"]}],
    ),
    Row(TEST_POD, "spec/containers/0/args", ["try-gate", "--namespace=navicert-system"]),
    Row(TEST_POD, "spec/containers/0/image", "ghcr.io/navicert/navicert:0.1.0"),
    Row(TEST_POD, "spec/securityContext", POD_SECURITY),
    Row(TEST_POD, "spec/containers/0/securityContext", CONTAINER_SECURITY),
    Row(TEST_POD, "spec/restartPolicy", "Never"),
    Row(TEST_POD, "metadata/labels/app.kubernetes.io~1component", "test"),
    Row("ClusterRole/navicert-view", "metadata/labels/rbac.authorization.k8s.io~1aggregate-to-view", "true"),
    Row("ClusterRole/navicert-edit", "metadata/labels/rbac.authorization.k8s.io~1aggregate-to-edit", "true"),
    Row("ClusterRole/navicert-edit", "metadata/labels/rbac.authorization.k8s.io~1aggregate-to-admin", "true"),
    Row("ClusterRole/navicert-edit", "rules/0/resources", ["slsapolicies"]),
    Row("ClusterSLSAPolicy/starter", "spec", {"mode": "Audit", "tags": "Allow", "require": {"buildLevel": 1}}),
    Row("TrustRoot/sigstore", "spec", {"sigstore": {"publicGood": {}}}),
    Row("Certificate/navicert", "spec/dnsNames", DNS, MANAGED),
    Row("Certificate/navicert", "spec/secretName", "navicert-tls", MANAGED),
    Row("Certificate/navicert", "spec/issuerRef", {"name": "ca"}, MANAGED),
]
ABSENT = [
    Row(WEBHOOK, "spec/template/spec/priorityClassName", None, 'priorityClassName=""'),
    Row(WEBHOOK, "spec/template/spec/dnsPolicy", None),
    Row("NetworkPolicy/navicert-test", "spec/ingress", None),  # nobody dials it
    Row("ValidatingWebhookConfiguration/navicert", "webhooks", None),  # the operator fills them in
    Row("MutatingWebhookConfiguration/navicert", "webhooks", None),
    Row("ClusterRole/navicert-view", "metadata/labels/rbac.authorization.k8s.io~1aggregate-to-edit", None),
]
LEFT_OUT = [
    ("PodDisruptionBudget/navicert-webhook", 'webhook={"replicas":1}'),
    ("PodDisruptionBudget/navicert-operator", 'operator={"replicas":1}'),
    ("NetworkPolicy/navicert-webhook", 'networkPolicy={"enabled":false}'),
    ("NetworkPolicy/navicert-test", 'networkPolicy={"enabled":false}'),
    ("ClusterSLSAPolicy/starter", "starterPolicy=false"),
    ("TrustRoot/sigstore", 'trustRoots={"sigstore":false}'),
    ("TrustedBuilder/gitlab", 'builders={"catalogue":[]}'),
    ("Certificate/navicert", 'uncovered="Allow"'),
]


def release(values: str) -> dict[str, Document]:
    documents = template(*(("--set-json", values) if values else ()))
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in documents}


def step(found: Any, name: str) -> Any:
    return found[int(name)] if isinstance(found, list) else found[name]


def steps(pointer: str) -> list[str]:
    """RFC 6901, without its first slash: what is one in a name is `~1`."""
    return [one.replace("~1", "/") for one in pointer.split("/")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.object} {row.place} {row.values}".strip())
def test_release_has_it(row: Row) -> None:
    one = release(row.values)[row.object]
    assert reduce(step, steps(row.place), one) == row.expected


@pytest.mark.parametrize("row", ABSENT, ids=lambda row: f"{row.object} {row.place} {row.values}".strip())
def test_release_does_not_have_it(row: Row) -> None:
    *inside, last = steps(row.place)
    assert last not in reduce(step, inside, release(row.values)[row.object])


@pytest.mark.parametrize(("one", "values"), LEFT_OUT)
def test_values_leave_it_out(one: str, values: str) -> None:
    assert one not in release(values)
    assert values.startswith("uncovered") or one in release("")


def test_every_workload_is_one_of_the_table() -> None:
    """Or a new one would go without a row for its security."""
    workloads = {name for name, one in release("").items() if "containers" in str(one.get("spec"))}
    assert workloads == {WEBHOOK, OPERATOR, KINDS_JOB, TEST_POD}


@pytest.mark.parametrize("program", [WEBHOOK, OPERATOR])
def test_programs_are_replaced_when_their_settings_change_and_only_then(program: str) -> None:
    def told(values: str) -> str:
        return str(release(values)[program]["spec"]["template"]["metadata"]["annotations"]["navicert.dev/settings"])

    assert len(told("")) == 64
    assert told('registries=[{"host":"r.example"}]') != told("")
    assert told("starterPolicy=false") == told("")
