"""What runs in a cluster, made small while it is listed: workloads with the distinct shapes of their pods.

Thousands of pods are a few hundred distinct shapes, and of those only images, labels and names are kept.
"""

from collections import defaultdict
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.core.errors import MalformedReview
from controller.core.workload import PulledWith
from controller.engine.owners import Owners
from controller.wire.coverage import Coverage
from controller.wire.running import PodShape, Reference, RunningPod, namespace_of, parse_running

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningWorkload:
    """A top-level workload, or a pod that has none, with what its running pods look like."""

    namespace: str
    top: Reference
    shapes: tuple[PodShape, ...]


@dataclass(slots=True, kw_only=True)
class Left:
    """Pods of one namespace that are not judged: the images of exempt ones, and how many can't be read."""

    exempt: set[str] = field(default_factory=set)
    unreadable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Everything that runs at one moment. `left` has an entry for each namespace with pods that are not judged.

    `waiting` says that some image is not known yet, because its node has not told it.
    """

    workloads: tuple[RunningWorkload, ...]
    left: Mapping[str, Left]
    waiting: bool


async def take_census(pages: AsyncIterable[Sequence[Object]], *, owners: Owners, exempt: Iterable[str]) -> Population:
    """Everything that runs, from pages of pods of which no more than one is kept at a time.

    `exempt` are namespaces whose workloads are not judged. Raises ApiServerUnavailable.
    """
    census = _Census(owners, frozenset(exempt))
    async for page in pages:
        for document in page:
            await census.add(document)
    return census.population()


def coverage_of(
    uncovered: Iterable[tuple[RunningWorkload, Iterable[str]]], population: Population
) -> Mapping[str, Coverage]:
    """What is not judged, by namespace, given the images of each workload that no policy covers."""
    images: dict[str, set[str]] = defaultdict(set)
    for workload, found in uncovered:
        images[workload.namespace].update(found)
    nothing = Left()
    return {
        name: Coverage(
            uncovered=frozenset(images.get(name, ())),
            exempt=frozenset(population.left.get(name, nothing).exempt),
            unreadable=population.left.get(name, nothing).unreadable,
        )
        for name in {*images, *population.left}
    }


class _Census:
    """The pods seen so far."""

    def __init__(self, owners: Owners, exempt: frozenset[str]) -> None:
        self._owners = owners
        self._exempt = exempt
        self._shapes: dict[tuple[str, Reference], dict[PodShape, None]] = {}
        self._left: dict[str, Left] = {}
        self._waiting = False

    async def add(self, document: Object) -> None:
        try:
            pod = parse_running(document)
        except MalformedReview:
            self._in(namespace_of(document)).unreadable += 1
            return
        if pod is None:
            return
        if pod.namespace in self._exempt:
            self._in(pod.namespace).exempt.update(image.text for image in pod.shape.images)
            return
        await self._place(pod)

    def population(self) -> Population:
        workloads = (
            RunningWorkload(namespace=namespace, top=top, shapes=tuple(sorted(shapes, key=_order)))
            for (namespace, top), shapes in sorted(self._shapes.items(), key=lambda one: one[0])
        )
        return Population(workloads=tuple(workloads), left=self._left, waiting=self._waiting)

    async def _place(self, pod: RunningPod) -> None:
        top = await self._owners.top(pod)
        self._waiting |= pod.waiting
        self._shapes.setdefault((pod.namespace, top), {})[pod.shape] = None

    def _in(self, namespace: str) -> Left:
        return self._left.setdefault(namespace, Left())


def _order(shape: PodShape) -> tuple[str, tuple[tuple[str, str], ...], tuple[str, ...], PulledWith]:
    return shape.name, shape.labels, tuple(image.text for image in shape.images), shape.pulled_with
