"""One image judged again and again with the same memory, and conditions that count how often they are asked."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from controller.core.condition import Condition, Facts, Held
from controller.core.evaluate import judge_image, select
from controller.core.evidence import Evidence
from controller.core.policy import Policy, Uncovered
from controller.core.policyset import PolicySet
from controller.core.question import Moment
from controller.core.verdict import ImageVerdict
from controller.core.workload import Workload
from controller.expressions.condition import Use, compile_condition
from tests.support.facts import BUILD, NOW, evidence, policy, provenance, workload

SIGNED = replace(provenance(), times=(NOW,))


@dataclass(frozen=True, kw_only=True)
class Review:
    """Everything that a judgement of one image is given besides the policies."""

    pod: Workload = field(default_factory=workload)
    found: Evidence = field(default_factory=lambda: evidence(SIGNED))
    moment: Moment = field(default_factory=lambda: Moment(now=NOW, uncovered=Uncovered.ALLOW))

    def judged(self, members: PolicySet) -> ImageVerdict:
        image = self.pod.images[0]
        selected = select(members, self.pod, image)
        return judge_image(members, self.pod, image, selected=selected, evidence=self.found, moment=self.moment)

    def at(self, now: datetime) -> "Review":
        return replace(self, moment=replace(self.moment, now=now))


class Counted:
    """A condition that counts how often it is asked."""

    def __init__(self, look: Callable[[Facts], Held], *, lasting: bool) -> None:
        self._look, self.asked = look, 0
        self.condition = Condition(name="c", expression="c", message=None, lasting=lasting, test=self._test)

    def _test(self, facts: Facts) -> tuple[Held, str]:
        self.asked += 1
        return self._look(facts), ""


def asking(*conditions: Condition, **build: object) -> Policy:
    return policy(build=replace(BUILD, conditions=conditions, **build))  # type: ignore[arg-type]


def compiled(expression: str) -> Condition:
    found = compile_condition("c", expression, None, Use.BUILD)
    assert isinstance(found, Condition)
    return found


def labelled(**labels: str) -> Workload:
    return workload(labels=labels)


SEED = Review()
