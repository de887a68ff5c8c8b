"""What the models say of their fields: the text below each of them, for the definitions and the reference.

Read from the source when it is asked for. pydantic would read it with every import of the models, which took a tenth of
the webhook's start.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

from controller.wire.policy.nodes import Node


def field_docs(model: type[Node]) -> dict[str, str]:
    """The text below each field that has one, by the field's name in objects; inherited fields keep theirs.

    Raises OSError where the source of the model is not there.
    """
    docs: dict[str, str | None] = {}
    for one in reversed([base for base in model.__mro__ if issubclass(base, Node)]):
        own = dict(_own_docs(one))
        docs |= {name: own.get(name) for name in inspect.get_annotations(one)}
    fields = ((field.alias or name, docs.get(name)) for name, field in model.model_fields.items())
    return {name: text for name, text in fields if text is not None}


def _own_docs(model: type[Node]) -> Iterator[tuple[str, str]]:
    for field, below in pairwise(_classes(model.__module__)[model.__name__].body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)


@cache
def _classes(module: str) -> Mapping[str, ast.ClassDef]:
    """Those of a module, by name."""
    body = ast.parse(inspect.getsource(sys.modules[module])).body
    return {one.name: one for one in body if isinstance(one, ast.ClassDef)}
