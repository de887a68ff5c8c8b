"""What evidence weighs, beside what Python really allocates for it."""

from __future__ import annotations

import json
import sys
import tracemalloc
from dataclasses import dataclass
from typing import Any

import pytest

from controller.core.provenance import Provenance, SourceClaim
from controller.engine.weight import weigh

DOCUMENTS: list[Any] = [
    {"numbers": list(range(10_000, 30_000))},
    {f"key {number}": {"value": f"text {number}"} for number in range(5_000)},
    {"text": "x" * 1_000_000},
    [[[]]] * 3_000,
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_estimate_errs_above_and_not_far(document: object) -> None:
    content = json.dumps(document)
    tracemalloc.start()
    parameters = {"parameters": json.loads(content)}
    allocated, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    provenance = Provenance(
        builder_id="b", build_type="t", source=SourceClaim(), external_parameters=parameters, dependencies=()
    )
    assert allocated * 0.9 < weigh(provenance) < allocated * 1.6 + 2000


def test_of_a_value_only_its_fields_are_read() -> None:
    """Python 3.11.2, which the image has, can't read the slot for weak references of such a class."""

    @dataclass(slots=True, weakref_slot=True)
    class Value:
        field: str

    value = Value("text")
    assert weigh(value) == sys.getsizeof(value) + sys.getsizeof("text")


def test_depth_is_no_obstacle() -> None:
    nested: object = None
    for _ in range(50_000):
        nested = [nested]
    assert weigh(nested) > 50_000 * 50
