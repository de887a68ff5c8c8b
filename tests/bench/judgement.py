"""What judging costs as policies grow in number: a review pays for those that match."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from controller.core.match import Match
from controller.core.patterns import ImageGlob
from controller.core.policy import Uncovered
from controller.core.policyset import PolicySet
from tests.bench.measure import Cost, Ratio, cpu_cost, side_by_side
from tests.bench.pods import EvidenceByRepository, attested, judge_pod, pod, twenty_policies
from tests.support.facts import NOW, evidence, judge_image, policies, policy, provenance, workload

FOUND = evidence(provenance())
POD = workload()

TIMES = 100  # pods a round
PODS = 9 * TIMES
OF_PROVENANCE = "!has(provenance.externalParameters.inputs.debug)"
OF_WORKLOAD = "workload.labels['app'] == 'shop'"


def measure() -> Iterator[Ratio | Cost]:
    yield from _pods()
    yield from _many()


def _pods() -> Iterator[Cost]:
    """Pods of 3 images each, 20 policies of which 5 are about them; evidence at hand.

    Each is another pod at another time, as the replicas of a Deployment are. What the policies found of an image is
    remembered while nothing that has a say has changed: the first rows are what it costs to find that out, to select,
    and to conclude. What a condition says is remembered unless it looks at the pod or at the time. What is read from
    statements is remembered with them, whatever asks; the last rows are the first judgement, before anything is.
    """
    conditions = {"": None, ", a condition each": OF_PROVENANCE, ", a condition on the pod each": OF_WORKLOAD}
    for told, condition in conditions.items():
        members, found, goal = twenty_policies(condition=condition), attested(), 0.6 if condition else 0.3
        same = [found] * PODS
        yield cpu_cost(f"another pod of the same 3 images{told}", _judging(members, same), goal=goal, times=TIMES)
        if condition != OF_WORKLOAD:
            anew = _judging(members, same, namespace="shop-{}")
            yield cpu_cost(f"the same, its findings not remembered{told}", anew, goal=goal, times=TIMES)
        first = _judging(members, [attested() for _ in range(PODS)], namespace="shop-{}")
        yield cpu_cost(f"the same, nothing remembered{told}", first, times=TIMES)


def _judging(
    members: PolicySet, found: list[EvidenceByRepository], *, namespace: str = "shop"
) -> Callable[[int], object]:
    """Judges one pod after the other by its evidence; what is in another namespace than all before is found anew."""
    pods = [pod(one, number, namespace=namespace.format(number)) for number, one in enumerate(found)]
    return lambda number: judge_pod(members, pods[number], found[number], NOW + timedelta(seconds=number))


def _many() -> Iterator[Ratio]:
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
