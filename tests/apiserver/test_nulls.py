"""Fields without a value: a file that has them means what the real API server makes of the same object."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from controller.wire.policy import KINDS
from controller.wire.policy.shape import read_shape
from tests.apiserver.test_crds import create, serve_kinds
from tests.support import objects
from tests.support.controlplane import Client, ControlPlane
from tests.support.objects import Document

Step = str | int


@pytest.fixture(scope="module")
def client(controlplane: ControlPlane) -> Client:
    return serve_kinds(controlplane)


def paths(value: object, above: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Every field and entry below; of equal parts, as signers that stand in many places, the first in each list."""
    items: list[tuple[Any, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for step, item in items:
        yield (*above, step)
        yield from paths(item, (*above, step))


def without_a_value(source: Document, path: tuple[Step, ...]) -> Document:
    changed = copy.deepcopy(source)
    node: Any = changed["spec"]
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = None
    return changed


@pytest.mark.parametrize("source", objects.FULL, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_a_field_without_a_value_means_the_same_in_a_file_and_on_the_api_server(
    client: Client, source: Document
) -> None:
    model = KINDS[source["kind"]].spec
    differing = []
    for path in paths(source["spec"]):
        written = without_a_value(source, path)
        status, body = create(client, written)
        assert status in (201, 422), body
        _, problems = read_shape(model, written["spec"])
        if (status == 201) is bool(problems):
            differing.append((path, status, problems))
        elif status == 201:
            assert model.model_validate(body["spec"]) == model.model_validate(written["spec"]), path
    assert differing == []
