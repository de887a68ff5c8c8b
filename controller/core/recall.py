"""What was worked out before from facts that never change, for as long as these facts are there.

Nothing in here decides anything, and nothing outlives its policies: a set of policies brings a fresh one (POL-012).
What depends on the time, the workload or other images is never remembered.
"""

import weakref
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from controller.core.evidence import Evidence
from controller.core.image import Repository
from controller.core.policy import BrokenPolicy, Policy

MAX_SCOPES = 4096  # pairs of namespace and repository
MAX_REMEMBERED = 16384  # results, over all evidence

AnyPolicy = Policy | BrokenPolicy
_T = TypeVar("_T")
_Place = tuple[int, Hashable]


class Scopes:
    """Which policies are about a namespace and a repository, labels aside. Starts anew when it is full."""

    def __init__(self, policies: tuple[AnyPolicy, ...]) -> None:
        self._policies = policies
        self._known: dict[tuple[str, Repository | None], tuple[AnyPolicy, ...]] = {}

    def about(self, namespace: str, repository: Repository | None) -> tuple[AnyPolicy, ...]:
        """Those that name both, in their order; no repository could be any."""
        known = self._known.get((namespace, repository))
        if known is None:
            known = tuple(one for one in self._policies if one.match.names(namespace, repository))
            if len(self._known) >= MAX_SCOPES:
                self._known.clear()
            self._known[namespace, repository] = known
        return known


class Recall:
    """What one set of policies made of pieces of evidence. Evidence and what is asked are told by identity, so that
    nothing large is compared; what belongs to evidence goes with it. Starts anew when it is full."""

    def __init__(self) -> None:
        self._evidence: dict[int, tuple[weakref.ref[Evidence], dict[_Place, tuple[object, object]]]] = {}
        self._remembered = 0

    def once(self, evidence: Evidence, asked: object, about: Hashable, make: Callable[[], _T]) -> _T:
        """What `make` gives, made once for the same evidence, the same thing asked, and equal `about`.

        The result must depend on these three and the set of policies alone, and must not hold the evidence itself.
        """
        results = self._results(evidence)
        place = (id(asked), about)
        known = results.get(place)
        if known is not None and known[0] is asked:
            return cast("_T", known[1])
        made = make()
        if self._remembered >= MAX_REMEMBERED:
            self._evidence.clear()
            self._remembered = 0
            results = self._results(evidence)
        results[place] = (asked, made)
        self._remembered += 1
        return made

    def _results(self, evidence: Evidence) -> dict[_Place, tuple[object, object]]:
        key = id(evidence)
        known = self._evidence.get(key)
        if known is not None and known[0]() is evidence:
            return known[1]
        results: dict[_Place, tuple[object, object]] = {}
        self._evidence[key] = (weakref.ref(evidence, _forgetting(weakref.ref(self), key)), results)
        return results

    def forget(self, key: int) -> None:
        """Evidence of this identity is gone."""
        gone = self._evidence.pop(key, None)
        if gone is not None:
            self._remembered -= len(gone[1])


def _forgetting(recall: "weakref.ref[Recall]", key: int) -> Callable[[object], None]:
    """Holds nothing, so that what old policies remembered goes at once with them."""

    def gone(_: object) -> None:
        known = recall()
        if known is not None:
            known.forget(key)

    return gone
