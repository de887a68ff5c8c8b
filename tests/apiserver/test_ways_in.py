"""Every way by which a real API server takes a pod spec: it is asked about, or it changes no image."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest

from controller.wire.webhooks import Registration, render_validating
from tests.support.admitting import KINDS, templated
from tests.support.controlplane import Client, ControlPlane

POD_SPEC = "io.k8s.api.core.v1.PodSpec"
NAMESPACE = "ways"
GOOD, OTHER = "ghcr.io/acme/shop:1", "ghcr.io/mallory/shop:1"
NOBODYS = {"podtemplates"}  # nothing makes pods of them, and what did would be asked about its pods
NO_IMAGES = {"pods/resize"}  # as the second test shows, and as it shows of every status

_names = count()

Document = dict[str, Any]


@pytest.fixture
def client(controlplane: ControlPlane) -> Client:
    controlplane.create_namespace(NAMESPACE)
    return controlplane.client()


def named(node: Any) -> Iterator[str]:
    """Every definition that this part of a schema refers to."""
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference.rpartition("/")[2]
        node = list(node.values())
    for one in node if isinstance(node, list) else ():
        yield from named(one)


def holding(definitions: Document, sought: str) -> set[str]:
    """Every definition in which this one is, however deep."""
    direct = {name: set(named(schema)) for name, schema in definitions.items()}
    found = {sought}
    while more := {name for name, parts in direct.items() if parts & found} - found:
        found |= more
    return found


def ways_in(document: Document) -> set[str]:
    """What a pod spec can be written to, as `plural` or `plural/subresource`."""
    holders, found = holding(document["definitions"], POD_SPEC), set()
    for path, methods in document["paths"].items():
        bodies = [one for method in ("post", "put") for one in methods.get(method, {}).get("parameters", ())]
        if any(set(named(one.get("schema"))) & holders for one in bodies):
            found.add("/".join(part for part in path.partition("{namespace}/")[2].split("/") if part != "{name}"))
    return found


def test_whatever_takes_a_pod_spec_is_asked_about(client: Client) -> None:
    """A kind, or a part of one, that a later Kubernetes brings must not come in unseen."""
    registration = Registration(namespace="navicert-system", service="navicert", port=443, authorities=b"x")
    rules = [rule for webhook in render_validating(registration) for rule in webhook["rules"]]
    registered = {resource for rule in rules for resource in rule["resources"]}
    ways = ways_in(client.get("/openapi/v2")[1])
    statuses = {f"{plural}/status" for _, plural in KINDS.values()}
    assert ways == registered | statuses | NO_IMAGES | NOBODYS


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_changes_no_image(client: Client, kind: str) -> None:
    path = made(client, kind)
    before = client.get(path)[1]["spec"]
    status, body = change(client, f"{path}/status", specified(kind, OTHER))
    assert status == HTTPStatus.OK, body
    assert OTHER not in str(client.get(path)[1])
    assert client.get(path)[1]["spec"] == before


def test_resizing_changes_no_image(client: Client) -> None:
    small, large = ({"requests": {"cpu": f"{one}m"}, "limits": {"cpu": "9m"}} for one in (1, 2))
    path = made(client, "Pod", resources=small)
    containers = [{"name": "app", "image": OTHER, "resources": large}]
    status, body = change(client, f"{path}/resize", {"containers": containers})
    stored = client.get(path)[1]["spec"]["containers"][0]
    assert stored["image"] == GOOD
    assert status == HTTPStatus.OK, body
    assert stored["resources"]["requests"] == large["requests"]


def specified(kind: str, image: str, **container: Any) -> Document:
    if kind == "Pod":
        return {"containers": [{"name": "app", "image": image, **container}]}
    return templated(kind, image)


def made(client: Client, kind: str, **container: Any) -> str:
    """The path of a new object of this kind."""
    group, plural = KINDS[kind]
    collection = f"/{'apis' if '/' in group else 'api'}/{group}/namespaces/{NAMESPACE}/{plural}"
    name = f"{plural}-{next(_names)}"
    document = {
        "apiVersion": group,
        "kind": kind,
        "metadata": {"name": name},
        "spec": specified(kind, GOOD, **container),
    }
    status, body = client.create(collection, document)
    assert status == HTTPStatus.CREATED, body
    return f"{collection}/{name}"


def change(client: Client, path: str, spec: Document) -> tuple[int, Any]:
    return client.request("PATCH", path, {"spec": spec}, "application/strategic-merge-patch+json")
