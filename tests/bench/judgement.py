"""What judging costs as policies grow in number: a review pays for those that match."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from controller.core.evidence import Evidence
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.patterns import ImageGlob
from controller.core.policy import Uncovered
from controller.core.policyset import PolicySet
from controller.engine.decision import NO_DEPENDENCIES
from tests.bench.measure import Cost, Ratio, cpu_cost, side_by_side
from tests.bench.pods import EvidenceByRepository, attested, judge_pod, pod, twenty_policies
from tests.support.facts import NOW, OTHER, evidence, judge_image, moment, policies, policy, provenance, workload

FOUND = evidence(provenance())
POD = workload()
OF_ANOTHER = {OTHER: Evidence(digest=OTHER)}  # which none of the policies asks about

TIMES = 100  # pods a round
PODS = 9 * TIMES
OF_PROVENANCE = "!has(provenance.externalParameters.inputs.debug{})"
OF_WORKLOAD = "workload.labels['app'] == 'shop' && !has(workload.labels.debug{})"


def measure() -> Iterator[Ratio | Cost]:
    yield from _pods()
    yield from _many()


def _pods() -> Iterator[Cost]:
    """Pods of 3 images each, 20 policies of which 5 are about them; evidence at hand.

    Each is another pod at another time, as the replicas of a Deployment are. What the policies found of an image is
    remembered while nothing that has a say has changed: the first rows are what it costs to find that out, to select,
    and to conclude, in a namespace that is known and in one that is new. Conditions on the pod are asked each time.
    Beside the evidence of dependencies no finding is remembered: that row is judging itself, by what is read from
    statements once for them all. The last row is the first judgement, before anything is.
    """
    conditions = {"": None, ", a condition each": OF_PROVENANCE, ", a condition on the pod each": OF_WORKLOAD}
    for told, condition in conditions.items():
        members, found, goal = twenty_policies(condition=condition), attested(), 0.6 if condition else 0.3
        same = [found] * PODS
        rows = {
            "another pod of the same 3 images": _judging(members, same),
            "the same, the first in its namespace": _judging(members, same, namespace="shop-{}"),
            "the same, its findings not remembered": _judging(members, same, dependencies=OF_ANOTHER),
        }
        for name, judging in rows.items():
            yield cpu_cost(f"{name}{told}", judging, goal=goal, times=TIMES)
        first = _judging(members, [attested() for _ in range(PODS)], namespace="shop-{}")
        yield cpu_cost(f"the same, nothing remembered{told}", first, times=TIMES)


def _judging(
    members: PolicySet,
    found: list[EvidenceByRepository],
    *,
    namespace: str = "shop",
    dependencies: Mapping[Digest, Evidence] = NO_DEPENDENCIES,
) -> Callable[[int], object]:
    """Judges one pod after the other by its evidence."""
    pods = [pod(one, number, namespace=namespace.format(number)) for number, one in enumerate(found)]

    def judge(number: int) -> object:
        at = moment(now=NOW + timedelta(seconds=number), dependencies=dependencies)
        return judge_pod(members, pods[number], found[number], at)

    return judge


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
