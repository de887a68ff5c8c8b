"""What the door says of an object of ours: one function for `/validate-policy` and `navicert lint`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.core.errors import MalformedPolicy, Problem
from controller.core.policy import BrokenPolicy
from controller.engine.compiling import Compiled, KeyedBuilder, KeyedPolicy, Source, compile_object
from controller.engine.linking import Snapshot, known_of, without_effect
from controller.engine.references import look_up
from controller.trust.root import TrustRoot
from controller.wire.policy import BrokenObject, UnlinkedException
from controller.wire.policy.lint import lint, unsaid

LONGEST_EXCEPTION = timedelta(days=90)
"""How far ahead an exception may reach, unless that is set otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """`problems` refuse the object: no other object can mend them. `warnings` are told, and let it in."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def review_object(
    source: Source, snapshot: Snapshot | None, *, now: datetime, longest_exception: timedelta = LONGEST_EXCEPTION
) -> Review:
    """Everything wrong with an object by itself, and everything about it that is probably not meant.

    Names that do not exist (yet) are warnings: things may be applied in any order (POL-026). They are not looked up
    without a snapshot. Never raises, whatever the object is.
    """
    try:
        compiled = compile_object(source)
    except MalformedPolicy as error:
        return Review(problems=error.problems)
    problems = tuple(sorted({*_own_problems(compiled), *_too_long(compiled, now, longest_exception)}))
    named = () if snapshot is None else _missing(compiled, snapshot)
    advice = () if problems else (*lint(source), *_expired(compiled, now))
    return Review(problems=problems, warnings=tuple(sorted({*named, *unsaid(source), *advice})))


def _own_problems(compiled: Compiled) -> tuple[Problem, ...]:
    match compiled:
        case BrokenObject():
            return compiled.problems
        case KeyedPolicy():
            policy = compiled.unlinked.policy
            return (*(policy.problems if isinstance(policy, BrokenPolicy) else ()), *compiled.problems)
        case KeyedBuilder():
            builder = compiled.unlinked.builder
            return (*(builder.problems if isinstance(builder, BrokenObject) else ()), *compiled.problems)
        case _:
            return ()


def _missing(compiled: Compiled, snapshot: Snapshot) -> tuple[Problem, ...]:
    """The names in it that lead to nothing now."""
    match compiled:
        case KeyedPolicy() | KeyedBuilder():
            return look_up(compiled.unlinked.references, compiled.keys, known_of(snapshot))[1]
        case UnlinkedException():
            return without_effect(compiled, {policy.name for policy in snapshot.policies.policies})
        case TrustRoot(time_root=str(name)):
            known = snapshot.roots.roots.get(name)
            sound = known is not None and known.sigstore is not None
            message = f"there is no sound TrustRoot {name} of a Sigstore instance: apply it, or correct the name"
            return () if sound else (Problem(path="spec.timeRoot", message=message),)
        case _:
            return ()


def _too_long(compiled: Compiled, now: datetime, longest: timedelta) -> tuple[Problem, ...]:
    if not isinstance(compiled, UnlinkedException):
        return ()
    exception = compiled.exception
    if exception.expires <= (exception.created or now) + longest:
        return ()
    message = f"reaches further than {longest.days} days after the exception was made, the most that counts"
    return (Problem(path="spec.expires", message=message),)


def _expired(compiled: Compiled, now: datetime) -> tuple[Problem, ...]:
    over = isinstance(compiled, UnlinkedException) and compiled.exception.expires <= now
    return (Problem(path="spec.expires", message="has passed: this exception no longer counts"),) if over else ()
