"""What judging costs as policies grow in number: a review pays for those that match."""

from collections.abc import Iterator

from controller.core.match import Match
from controller.core.patterns import ImageGlob
from controller.core.policy import Uncovered
from controller.core.policyset import PolicySet
from tests.bench.measure import Ratio, side_by_side
from tests.support.facts import evidence, judge_image, policies, policy, provenance, workload

FOUND = evidence(provenance())
POD = workload()


def measure() -> Iterator[Ratio]:
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
