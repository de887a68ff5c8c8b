"""/validate-policy: tells at the door what is wrong with one of our own objects. The loader guards anyway: an object
that comes in past this is broken, and guards its scope."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from controller.core.errors import MalformedReview, Problem
from controller.core.text import printable
from controller.engine.admissibility import Review
from controller.engine.policies import Snapshot
from controller.webhook.review import Answered
from controller.wire.admission import AdmissionRequest, render_problems
from controller.wire.policy import GROUP, KINDS

ReviewObject = Callable[[Mapping[str, object], Snapshot | None], Review]
"""What is wrong with an object, and what its author should know; the text of either is fit to print. The snapshot tells
which other objects there are; None before they are loaded."""

_TOO_DEEP = Problem(path="", message="is nested too deep to be read: flatten it")
_NOT_EXAMINED = "Navicert could not examine this object: look at its status"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReviewer:
    """Everything that objects are reviewed by."""

    path: ClassVar[str] = "/validate-policy"

    snapshot: Callable[[], Snapshot | None]
    review_object: ReviewObject

    async def answer(self, request: AdmissionRequest, *, deadline: float) -> Answered:  # noqa: ARG002 (no waiting here)
        """Refused with every problem, warned of everything else. A DELETE and an update that leaves the spec as it is
        are always admitted: a broken object can be taken away, its finalizers and labels included."""
        if request.kind.group != GROUP or request.kind.kind not in KINDS:
            raise MalformedReview(f"{printable(str(request.kind))} is no kind of Navicert")
        if request.operation == "DELETE" or request.sub_resource:
            return _answered(request, (), ())
        if request.operation not in {"CREATE", "UPDATE"}:
            raise MalformedReview(f"operation {printable(request.operation, limit=40)} changes no object")
        review = await asyncio.to_thread(self._review, request, self.snapshot())
        return _answered(request, review.problems, review.warnings)

    def answer_bug(self, request: AdmissionRequest) -> bytes:
        """A bug of ours locks nobody out: what the loader can't compile refuses by itself."""
        return render_problems(request, (), (_NOT_EXAMINED,))

    def _review(self, request: AdmissionRequest, snapshot: Snapshot | None) -> Review:
        """Runs in a thread: compiling may take longer than other reviews should wait."""
        try:
            current = _object(request.object, "request.object")
            if request.operation == "UPDATE" and _object(request.old_object, "request.oldObject").get("spec") == (
                current.get("spec")
            ):
                return Review()
        except RecursionError:
            return Review(problems=(_TOO_DEEP,))
        return self.review_object(current, snapshot)


def _answered(request: AdmissionRequest, problems: Sequence[Problem], advice: Sequence[object]) -> Answered:
    told = [str(one) for one in advice]
    return Answered(
        body=render_problems(request, problems, told),
        outcome="refused" if problems else "admitted",
        line={"allowed": not problems, "problems": [str(one) for one in problems], "warnings": told},
    )


def _object(content: msgspec.Raw, where: str) -> Mapping[str, Any]:
    """One JSON object; raises MalformedReview, and RecursionError for one that is nested too deep."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedReview(f"{where}: {printable(str(error))}") from error
    if not isinstance(found, dict):
        raise MalformedReview(f"{where} is no object")
    return found
