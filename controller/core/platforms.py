"""An index and its children: each requirement is met by the index itself, or by every runnable child of it."""

from collections.abc import Callable
from dataclasses import replace

from controller.core.answer import Answer, ignorance
from controller.core.evidence import Evidence, Gap
from controller.core.reasons import Reason

Judge = Callable[[Evidence], Answer]
Roots = Callable[[], frozenset[str] | None]
"""The trust roots under which everything is verified that can meet a requirement; None: any. Asked where none did."""


def by_platforms(judge: Judge, evidence: Evidence, roots: Roots) -> Answer:
    """The answer of an image, and of its children where its own is not enough.

    Guarantees that no children are never enough, that children whose evidence was not gathered answer nothing, and
    that where a gap could have made the difference the answer is the gap's: ignorance neither passes nor fails.
    """
    own = judge(evidence)
    if own.satisfied:
        return own
    gaps = evidence.gaps_under(roots())[:1]  # sorted: the same gap is told for the same facts
    told = own
    if evidence.children and not evidence.unread:
        answers = [(child, judge(child)) for child in evidence.children]
        missing = [(child, answer) for child, answer in answers if not answer.satisfied]
        if not missing:
            return _together([answer for _, answer in answers])
        told = _nearer(own, missing, met_by_some=len(missing) < len(answers))
        gaps = gaps or _decisive(missing)
    return ignorance(gaps[0], besides=told) if gaps and not told.unknown else told


def newest_by_platforms(judge: Judge, evidence: Evidence, roots: Roots) -> Answer:
    """The same where the newest is asked: children answer only where the index is known to have none at all.

    No older one of a child makes good what the index has, or may have.
    """
    own = judge(evidence)
    if own.satisfied or own.reason is not Reason.NoAttestation:
        return own
    gaps = evidence.gaps_under(roots())
    return ignorance(gaps[0], besides=own) if gaps else by_platforms(judge, evidence, roots)


def _decisive(missing: list[tuple[Evidence, Answer]]) -> tuple[Gap, ...]:
    """A child's gap makes the difference only if every child that falls short has one."""
    return missing[0][0].gaps[:1] if all(child.gaps for child, _ in missing) else ()


def _nearer(own: Answer, missing: list[tuple[Evidence, Answer]], *, met_by_some: bool) -> Answer:
    """What to tell: the child that falls short, where children came closer than the index did (IDX-003)."""
    child, answer = min(missing, key=lambda one: one[1].closeness)
    if not met_by_some and answer.closeness <= own.closeness:
        return own
    name = child.platform or str(child.digest or "a child that is not there")
    return replace(answer, detail=f"{name}: {answer.detail}")


def _together(answers: list[Answer]) -> Answer:
    """What every child shows: of the proofs the one with the lowest level."""
    weakest = min(answers, key=lambda answer: answer.proven.level or 0)
    details = dict.fromkeys(answer.detail for answer in answers if answer.detail)
    detail = "; ".join([*details, "shown for each platform by itself"])
    return replace(weakest, detail=detail)
