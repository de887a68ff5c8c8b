"""A control plane with Navicert's kinds in it: policies that cosign's signatures meet, and the webhook's own rights."""

from __future__ import annotations

import json
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.support.chart import rules
from tests.support.controlplane import Client, ControlPlane
from tests.support.plainyaml import kinds
from tests.support.processes import wait_until
from tests.support.registries import Cosign, Pushed, Registry
from tests.support.rights import grant

ROOT = Path(__file__).resolve().parents[2]
API = "/apis/navicert.dev/v1alpha1"
BUILDER = "https://ci.acme.example/builder"
BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1"
SOURCE = "https://github.com/acme/shop"
NAMESPACE, HOME = "shop", "navicert-system"


def provenance(*, builder: str = BUILDER, source: str = SOURCE) -> dict[str, Any]:
    """A SLSA v1 predicate that this test's policy is content with."""
    workflow = {"repository": source, "ref": "refs/heads/main", "path": ".github/workflows/release.yml"}
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"workflow": workflow},
            "resolvedDependencies": [{"uri": f"git+{source}@refs/heads/main", "digest": {"gitCommit": "a" * 40}}],
        },
        "runDetails": {"builder": {"id": builder}},
    }


def policy(mode: str = "Enforce", **match: Any) -> dict[str, Any]:
    signer = {"publicKey": {"trustRoot": "acme", "name": "release"}}
    return {
        "apiVersion": "navicert.dev/v1alpha1",
        "kind": "ClusterSLSAPolicy",
        "metadata": {"name": "production"},
        "spec": {
            "mode": mode,
            "match": {"namespaces": {"names": [NAMESPACE]}} | match,
            "require": {
                "buildLevel": 2,
                "builders": ["acme-ci"],
                "sources": [{"repositories": [SOURCE], "refs": ["refs/heads/main"]}],
                "signatures": [{"signers": [signer]}],
            },
        },
    }


def trust(public_key: str) -> list[dict[str, Any]]:
    root = {"keys": [{"name": "release", "pem": public_key}]}
    builder = {
        "maxLevel": 2,
        "signers": [{"publicKey": {"trustRoot": "acme", "name": "release"}}],
        "builderID": "Listed",
        "builderIDs": [BUILDER],
        "buildTypes": [BUILD_TYPE],
        "sourceFrom": "Provenance",
    }
    return [
        {"apiVersion": "navicert.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, name, spec in (("TrustRoot", "acme", root), ("TrustedBuilder", "acme-ci", builder))
    ]


PLURALS = {"ClusterSLSAPolicy": "clusterslsapolicies", "TrustRoot": "trustroots", "TrustedBuilder": "trustedbuilders"}


def apply(client: Client, document: dict[str, Any]) -> None:
    path = f"{API}/{PLURALS[document['kind']]}/{document['metadata']['name']}"
    status, body = client.apply(path, document)
    assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body


def plain_registries(folder: Path, host: str) -> Path:
    """A file by which this registry is asked without TLS."""
    path = folder / "registries.yaml"
    path.write_text(json.dumps({"registries": [{"host": host, "plainHTTP": True}]}))
    return path


def stocked(plane: ControlPlane, registry: Registry, cosign: Cosign) -> tuple[Pushed, Pushed]:
    """An image that meets the policy of NAMESPACE, and one without evidence. Kinds, namespace and policy are there."""
    client = plane.client()
    install_kinds(client)
    good, unsigned = registry.push_image("acme/shop"), registry.push_image("acme/other", content=b"other")
    cosign.sign(good)
    cosign.attest(good, provenance())
    for document in (*trust(cosign.public_key.read_text()), policy()):
        apply(client, document)
    plane.create_namespace(NAMESPACE)
    return good, unsigned


def install_kinds(client: Client) -> None:
    """Returns once all are served, which they begin to be side by side."""
    for document in kinds():
        name = document["metadata"]["name"]
        status, body = client.apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", document)
        assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body
    for document in kinds():
        wait_until(partial(_served, client, f"{API}/{document['spec']['names']['plural']}"))


def _served(client: Client, path: str) -> bool:
    return client.get(path)[0] == HTTPStatus.OK


def service_account(
    plane: ControlPlane, *, without: str = "", name: str = "navicert", values: tuple[str, ...] = ()
) -> Path:
    """A kubeconfig with the rights of the chart's ServiceAccount and no others, and of those none on `without`.

    `values` are helm's arguments for a release with other values; accounts of different rights have different names.
    """
    client = plane.client()
    plane.create_namespace(HOME)
    plane.create_service_account(HOME, name)
    group, role = "rbac.authorization.k8s.io", f"{name}-test"
    subject = {"kind": "ServiceAccount", "name": name, "namespace": HOME}
    documents = []
    for kind, scope in (("ClusterRole", {}), ("Role", {"namespace": HOME})):
        metadata = {"name": role, **scope}
        common = {"apiVersion": f"{group}/v1", "metadata": metadata}
        reference = {"apiGroup": group, "kind": kind, "name": role}
        granted = [one for one in rules(kind, "navicert-webhook", *values) if one["resources"] != [without]]
        documents.append({**common, "kind": kind, "rules": granted})
        documents.append({**common, "kind": f"{kind}Binding", "subjects": [subject], "roleRef": reference})
    grant(client, *documents)
    return plane.service_account_kubeconfig(HOME, name)
