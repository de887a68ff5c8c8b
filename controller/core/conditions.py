"""Conditions and ages: what is asked of a statement whatever its kind."""

from collections.abc import Collection
from datetime import datetime, timedelta

from controller.core.answer import Miss
from controller.core.condition import Condition, Held
from controller.core.evidence import VerifiedStatement
from controller.core.question import Question
from controller.core.reasons import Reason
from controller.core.season import Season
from controller.core.text import printable


def condition_miss(conditions: Collection[Condition], statement: VerifiedStatement, question: Question) -> Miss | None:
    """The first condition that is not true of this statement. What can't be evaluated is never true (POL-015)."""
    if not conditions:
        return None
    facts = question.view.beside(statement)
    for condition in conditions:
        held, why = condition.test(facts)
        question.season.hear(condition, statement, held)
        if held is Held.TRUE:
            continue
        name = printable(condition.name, limit=63)
        if held is Held.ERROR:
            return Miss(reason=Reason.ConditionError, detail=f"condition {name}: {printable(why)}")
        message = condition.message or condition.expression
        return Miss(reason=Reason.ConditionFalse, detail=f"condition {name}: {printable(message)}")
    return None


def age_miss(maximum: timedelta | None, made: datetime | None, season: Season) -> Miss | None:
    """Whether something made then is older than may be. Exactly that old is not too old (SRC-028).

    `made` is None where no time is verified; then nobody can tell (SRC-029).
    """
    if maximum is None:
        return None
    if made is None:
        return Miss(reason=Reason.NoSigningTime, detail="it shows no verified signing time, and an age is asked")
    if season.is_past(made, maximum):
        return Miss(reason=Reason.TooOld, detail=f"signed longer ago than {_words(maximum)}")
    return None


def _words(duration: timedelta) -> str:
    hours, rest = divmod(int(duration.total_seconds()), 3600)
    if rest:
        return f"{hours * 3600 + rest} seconds"
    return f"{hours // 24} days" if hours % 24 == 0 and hours else f"{hours} hours"
