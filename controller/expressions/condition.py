"""CEL conditions: compiled against typed variables, evaluated to true, false or an error, within bounds.

The engine bounds depth (32) and iterations (10,000); `controller.expressions.bounds` keeps the rest linear, and
MAX_WORK bounds that (POL-016).
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache, partial

import msgspec
from cel_expr_python.cel import Activation, Env, Expression, NewEnv, Type

from controller.core.condition import Condition, Facts, Held
from controller.core.text import printable
from controller.expressions.bounds import Cost, bound_cost
from controller.expressions.variables import TYPES, variables

MAX_EXPRESSION_CHARACTERS = 4096
MAX_PREDICATE_BYTES = 4 * 1024 * 1024
MAX_WORK = 64 * 1024 * 1024  # steps of an expression times bytes that it looks at
_SMALL_PREDICATE_BYTES = 64 * 1024
_ENGINE_ERRORS = (RuntimeError, ValueError, TypeError, OverflowError, MemoryError)


class Use(Enum):
    """What a condition is about. Only a condition on the build sees `provenance`."""

    BUILD = "build"
    ATTESTATION = "attestation"


def compile_condition(name: str, expression: str, message: str | None, use: Use) -> Condition | str:
    """The condition, or what is wrong with its expression, fit to print. Never raises.

    Guarantees that every name is declared, that types fit as far as they are known, and that the result is a boolean
    (POL-014). The test of the condition gives TRUE only for the boolean true, and ERROR whenever it can't be told:
    a missing key, a value that CEL does not have, a bound that was hit (POL-015).
    """
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        return f"an expression has at most {MAX_EXPRESSION_CHARACTERS} characters"
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
    test = partial(_test, compiled, cost, use)
    return Condition(name=name, expression=expression, message=message, test=test)


@cache
def _environment(use: Use) -> Env:
    declared = {name: type_ for name, type_ in TYPES.items() if name != "provenance" or use is Use.BUILD}
    return NewEnv(variables=declared)


def _test(compiled: Expression, cost: Cost, use: Use, facts: Facts) -> tuple[Held, str]:
    predicate = facts.statement.predicate
    if "predicate" in cost.roots and predicate is None:
        return Held.ERROR, "the predicate of this statement is not there"
    size = len(predicate or b"")
    if size > MAX_PREDICATE_BYTES:
        return Held.ERROR, f"the predicate has more than {MAX_PREDICATE_BYTES} bytes"
    if cost.steps * size > MAX_WORK:
        return Held.ERROR, "the predicate is too large for an expression of so many steps"
    try:
        value = compiled.eval(_activation(use, facts, with_predicate="predicate" in cost.roots))
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


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """The facts that an activation was made from: the same objects, as comparing all they hold would cost too much."""

    use: Use
    facts: Facts

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Look):
            return NotImplemented
        ours, theirs = self.facts, other.facts
        same = ours.statement is theirs.statement and ours.workload is theirs.workload
        return same and (self.use, ours.reference, ours.digest, ours.now) == (
            other.use,
            theirs.reference,
            theirs.digest,
            theirs.now,
        )

    def __hash__(self) -> int:
        return hash((self.facts.statement.payload.hex, self.facts.now))


def _activation(use: Use, facts: Facts, *, with_predicate: bool) -> Activation:
    """The variables, converted once for all expressions of a review that look at the same facts."""
    look = _Look(use, facts)
    if not with_predicate:
        return _without_predicate(look)
    small = len(facts.statement.predicate or b"") <= _SMALL_PREDICATE_BYTES
    return _with_small_predicate(look) if small else _with_predicate(look)


@lru_cache(maxsize=64)
def _without_predicate(look: _Look) -> Activation:
    return _environment(look.use).Activation(_values(look))


@lru_cache(maxsize=32)
def _with_small_predicate(look: _Look) -> Activation:
    return _with_predicate.__wrapped__(look)


@lru_cache(maxsize=2)  # decoded, each may take ten times its bytes
def _with_predicate(look: _Look) -> Activation:
    predicate = msgspec.json.decode(look.facts.statement.predicate or b"")
    return _environment(look.use).Activation({**_values(look), "predicate": predicate})


def _values(look: _Look) -> dict[str, object]:
    return {
        name: value for name, value in variables(look.facts).items() if name != "provenance" or look.use is Use.BUILD
    }
