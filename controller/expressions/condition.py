"""CEL conditions: compiled against typed variables, evaluated to true, false or an error, within bounds.

The engine bounds depth (32) and iterations (10,000); `controller.expressions.bounds` keeps the rest linear, and
`controller.core.work` bounds what all conditions on one image cost together (POL-016).
"""

from collections.abc import Callable, Collection
from enum import Enum
from functools import cache, lru_cache, partial
from typing import NamedTuple

import msgspec
from cel_expr_python.cel import Activation, Env, Expression, NewEnv, Type

from controller.core.condition import Condition, Facts, Held
from controller.core.text import printable
from controller.core.work import BYTES_OF_VALUE, MAX_WORK, size_of_labels
from controller.expressions.bounds import Cost, bound_cost
from controller.expressions.members import member_problem
from controller.expressions.variables import TYPES, provenance_of, variables

MAX_EXPRESSION_CHARACTERS = 4096
MAX_PREDICATE_BYTES = 512 * 1024
CONVERSION_STEPS = 6  # what making values for the engine costs, in steps over them (measured)
LEAST_SIZE = 64  # values: an expression over small things costs some microseconds, too
_EXPRESSIONS = 512  # compiled ones that are kept
_PUNCTUATION = (b",", b":", b"[", b"{")
_OF_PREDICATE = frozenset({"provenance", "predicate"})
_OF_REVIEW = frozenset({"now", "workload"})
_Look = tuple[str, frozenset[str]]  # what a condition is about, and which variables of the predicate it names
_ENGINE_ERRORS = (RuntimeError, ValueError, TypeError, OverflowError, MemoryError)


class Use(Enum):
    """What a condition is about. Only a condition on the build sees `provenance`."""

    BUILD = "build"
    ATTESTATION = "attestation"


def compile_condition(name: str, expression: str, message: str | None, use: Use) -> Condition | str:
    """The condition, or what is wrong with its expression, fit to print. Never raises.

    Guarantees that every name is declared, that members of the closed variables exist, that types fit as far as they
    are known, and that the result is a boolean (POL-014). The test of the condition gives TRUE only for the boolean
    true, and ERROR whenever it can't be told: a missing key, a value that CEL does not have, a bound that was hit
    (POL-015).
    """
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        return f"an expression has at most {MAX_EXPRESSION_CHARACTERS} characters"
    test = _compiled(expression, use)
    if isinstance(test, str):
        return test
    return Condition(name=name, expression=expression, message=message, lasting=_lasts(use, expression), test=test)


@lru_cache(maxsize=_EXPRESSIONS)
def _compiled(expression: str, use: Use) -> Callable[[Facts], tuple[Held, str]] | str:
    """Compiled once, however many policies ask the same."""
    try:
        compiled = _environment(use).compile(expression)
        returned = compiled.return_type()
    except _ENGINE_ERRORS as error:
        return f"not a CEL expression: {_told(error)}"
    if returned != Type.BOOL:
        return "must be true or false: end a comparison of what is not known to be a boolean with == true"
    cost = bound_cost(expression)
    if isinstance(cost, str):
        return cost
    unknown = member_problem(compiled.serialize())
    if unknown is not None:
        return unknown
    return partial(_test, compiled, cost, (use.value, cost.roots & _OF_PREDICATE))


@cache
def _environment(use: Use, without: frozenset[str] = frozenset()) -> Env:
    absent = without if use is Use.BUILD else without | {"provenance"}
    return NewEnv(variables={name: type_ for name, type_ in TYPES.items() if name not in absent})


@lru_cache(maxsize=_EXPRESSIONS)
def _lasts(use: Use, expression: str) -> bool:
    """Whether it compiles where time and workload are not declared: the engine itself says that it names neither."""
    try:
        _environment(use, _OF_REVIEW).compile(expression)
    except _ENGINE_ERRORS:
        return False
    else:
        return True


def _test(compiled: Expression, cost: Cost, look: _Look, facts: Facts) -> tuple[Held, str]:
    predicate = facts.statement.predicate
    if "predicate" in cost.roots and predicate is None:
        return Held.ERROR, "the predicate of this statement is not there"
    if look[1] and len(predicate or b"") > MAX_PREDICATE_BYTES:
        return Held.ERROR, f"the predicate has more than {MAX_PREDICATE_BYTES} bytes"
    try:
        found = facts.once(look, partial(_converted, look, facts))
        if found is None or not facts.work.spend(cost.steps * found.size(cost.roots)):
            return Held.ERROR, f"the conditions on this image cost more than {MAX_WORK} steps over values in all"
        value = compiled.eval(found.activation)
        if value.type() == Type.BOOL:
            return (Held.TRUE, "") if value.plain_value() is True else (Held.FALSE, "")
        told = value.value() if value.type() == Type.ERROR else "not a boolean"
    except (*_ENGINE_ERRORS, RecursionError) as error:
        return Held.ERROR, _told(error)
    return Held.ERROR, printable(str(told))


def _told(error: Exception) -> str:
    """The engine's own words without the picture of the expression that follows them."""
    first = str(error).partition("\n")[0]
    return printable(first.removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: <input>:"))


class _Converted(NamedTuple):
    """The variables as the engine takes them, and how many values labels and what they hold of the predicate are."""

    activation: Activation
    labels: int
    predicate: int

    def size(self, looked_at: Collection[str]) -> int:
        """How many values these variables are at most."""
        return LEAST_SIZE + self.predicate + (self.labels if "workload" in looked_at else 0)


def _converted(look: _Look, facts: Facts) -> _Converted | None:
    """Made and paid once for all expressions of a judgement that look at the same facts.

    None when what is left does not pay for it.
    """
    use, of_predicate = Use(look[0]), look[1]
    labels = size_of_labels(facts.workload.labels)
    predicate = _size_of(facts.statement.predicate or b"") if of_predicate else 0
    if not facts.work.spend(CONVERSION_STEPS * (LEAST_SIZE + labels + predicate)):
        return None
    values = variables(facts)
    if "provenance" in of_predicate:
        values["provenance"] = provenance_of(facts.statement)
    if "predicate" in of_predicate:
        values["predicate"] = msgspec.json.decode(facts.statement.predicate or b"")
    return _Converted(_environment(use).Activation(values), labels, predicate)


def _size_of(predicate: bytes) -> int:
    """How many values it has at most, counted by their punctuation; long texts count by their length."""
    return sum(map(predicate.count, _PUNCTUATION)) + len(predicate) // BYTES_OF_VALUE
