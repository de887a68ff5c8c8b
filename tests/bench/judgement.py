"""What judging costs as policies grow in number: a review pays for those that match."""

from collections.abc import Iterator
from datetime import timedelta

from controller.core.match import Match
from controller.core.patterns import ImageGlob
from controller.core.policy import Uncovered
from controller.core.policyset import PolicySet
from tests.bench.measure import Cost, Ratio, cpu_cost, side_by_side
from tests.bench.pods import judge_pod, twenty_policies
from tests.support.facts import NOW, evidence, judge_image, policies, policy, provenance, workload

FOUND = evidence(provenance())
POD = workload()


CONDITION = "!has(provenance.externalParameters.inputs.debug)"


def measure() -> Iterator[Ratio | Cost]:
    plain, conditional = twenty_policies(), twenty_policies(condition=CONDITION)
    pod = "a pod of 3 images, 20 policies of which 5 match"
    yield cpu_cost(pod, lambda number: judge_pod(plain, NOW + timedelta(seconds=number)), goal=0.3)
    yield cpu_cost(
        "the same, each with a condition",
        lambda number: judge_pod(conditional, NOW + timedelta(seconds=number)),
        goal=0.6,
    )
    one = policies(policy())
    strangers = tuple(
        policy(f"other-{n}", match=Match(images=(ImageGlob.compile(f"registry-{n}.example/team/*"),)))
        for n in range(999)
    )
    matching = tuple(policy(f"same-{n}") for n in range(99))

    def judge(members: PolicySet) -> None:
        verdict = judge_image(members, POD, POD.images[0], evidence=FOUND, uncovered=Uncovered.ALLOW)
        if any(finding.refuses for finding in verdict.findings):
            raise AssertionError("the benchmark must measure what is admitted")

    thousand, hundred = policies(policy(), *strangers), policies(policy(), *matching)
    yield side_by_side(
        "1,000 policies of which one matches", lambda: judge(thousand), "one policy", lambda: judge(one), times=20
    )
    yield side_by_side(
        "100 policies that all match", lambda: judge(hundred), "one policy", lambda: judge(one), times=20
    )
