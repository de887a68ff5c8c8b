"""The fields of the API, and pairs of decisions that differ in the value of one of them and in nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from inspect import get_annotations
from typing import Any, get_args

from pydantic import BaseModel

from controller.core.reasons import Outcome, Reason
from controller.wire.policy.kinds import KINDS
from controller.wire.policy.nodes import Node
from tests.support.caseevidence import filled
from tests.support.decisions import FOLDER, Case, Json, base, read_case
from tests.support.plainyaml import read_yaml

_STEP = re.compile(r"(?P<name>[^.\[\]]+)(?:\[(?P<index>[0-9]+)\])?")
USUAL_EVIDENCE: list[Json] = [{"provenance": {}}]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One value of a field in an otherwise fixed situation. Several of them make it decide.

    `asked` is the object and the path in its spec where the value stands.
    """

    field: str
    asked: str
    case: Case


def fields() -> frozenset[str]:
    """Every field of the models, as `Model.field` by the model that defines it."""
    found: set[str] = set()
    seen: set[type[Node]] = set()
    waiting = [kind.spec for kind in KINDS.values()]
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        for name, said in model.model_fields.items():
            inner = _model(said.annotation)
            found.add(_named(model, name))
            if inner is not None:
                waiting.append(inner)
    return frozenset(found)


def read_pairs() -> list[Pair]:
    """Every decision of the folder `fields`."""
    objects = base()
    return [
        pair
        for path in sorted((FOLDER / "fields").glob("*.yaml"))
        for number, entry in enumerate(read_yaml(path.read_text()))
        for pair in _pairs(f"{path.stem}-{number}", entry, objects)
    ]


def _pairs(place: str, entry: Json, objects: list[Json]) -> Iterator[Pair]:
    target, _, path = entry["at"].partition(" ")
    for verdict in ("admit", "refuse"):
        for number, value in enumerate(entry[verdict]):
            document: Json = {"evidence": USUAL_EVIDENCE, "says": f"{entry['at']} {value}"} | entry
            document["expected"] = _expected(None if verdict == "admit" else entry["reason"])
            case = read_case(f"{place}-{path}-{verdict}-{number}", document, objects)
            for one in case.objects:
                if _address(one) == target:
                    _put(one["spec"], path, filled(value))
            yield Pair(field=_field(target, path), asked=entry["at"], case=case)


def _expected(refusing: str | None) -> Json:
    if refusing is None:
        return {"allowed": True, "code": 200, "findings": []}
    return {"allowed": False, "code": _code(Reason[refusing]), "findings": [refusing]}


def _code(reason: Reason) -> int:
    return HTTPStatus.FORBIDDEN if reason.outcome is Outcome.FAIL else HTTPStatus.SERVICE_UNAVAILABLE


def _address(source: Json) -> str:
    metadata = source["metadata"]
    return "/".join(part for part in (source["kind"], metadata.get("namespace"), metadata["name"]) if part)


def _put(node: Any, path: str, value: object) -> None:
    """Puts the value there; null takes the field away."""
    steps = [(found["name"], found["index"]) for found in _STEP.finditer(path)]
    for name, index in steps[:-1]:
        node = node.setdefault(name, {}) if index is None else node[name][int(index)]
    last, _ = steps[-1]
    if value is None:
        node.pop(last, None)
    else:
        node[last] = value


def _field(target: str, path: str) -> str:
    """Which field of which model it is. Raises KeyError for one that no model has."""
    model: type[Node] | None = KINDS[target.partition("/")[0]].spec
    field = ""
    for step in _STEP.finditer(path):
        assert model is not None, f"{path} goes further than the models do"
        name = {said.alias: name for name, said in model.model_fields.items()}[step["name"]]
        field, model = _named(model, name), _model(model.model_fields[name].annotation)
    return field


def _model(annotation: Any) -> type[Node] | None:
    """The model that a field holds, optional or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        assert issubclass(annotation, Node)
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part)) is not None), None)


def _named(model: type[Node], name: str) -> str:
    """By the model that defines it."""
    owner = next(one for one in model.__mro__ if name in get_annotations(one))
    return f"{owner.__name__}.{model.model_fields[name].alias}"
