"""What was worked out before from facts that never change, for as long as these facts are there.

Nothing in here decides anything, and nothing outlives its policies: a set of policies brings a fresh one (POL-012).
"""

import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

from controller.core.evidence import Evidence
from controller.core.season import Said, Season
from controller.core.verdict import Finding

MAX_REMEMBERED = 16384  # results and what they say of requirements, over all evidence

_T = TypeVar("_T")
_Place = tuple[int, Hashable]
_Result = tuple[object, object, int]  # what was asked, what came of it, and how many results that counts for


@dataclass(frozen=True, slots=True)
class _Spell:
    """What was found, from when until when it holds (both ends are inside), and what conditions said of it."""

    first: datetime
    last: datetime
    said: tuple[Said, ...]
    made: tuple[Finding, ...]


class Recall:
    """What one set of policies made of pieces of evidence. Evidence and what is asked are told by identity, so that
    nothing large is compared; what belongs to evidence goes with it. Starts anew when it is full."""

    def __init__(self) -> None:
        self._evidence: dict[int, tuple[weakref.ref[Evidence], dict[_Place, _Result]]] = {}
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
        self._keep(evidence, place, (asked, made, 1))
        return made

    def meanwhile(
        self,
        evidence: Evidence,
        asked: object,
        about: Hashable,
        now: datetime,
        make: Callable[[Season], tuple[Finding, ...]],
        still: Callable[[tuple[Said, ...]], bool],
    ) -> tuple[Finding, ...]:
        """As `once`, where the time has a say: what `make` gave at a time in the same season, if that lasts.

        `make` must ask its season whatever it asks about the time, and let it hear every condition that it asks.
        `still` tells whether the conditions that looked at more than these facts all come out the same this time: only
        then is anything found again.
        """
        place = (id(asked), about)
        known = self._results(evidence).get(place)
        if known is not None and known[0] is asked:
            spell = cast("_Spell", known[1])
            if spell.first <= now <= spell.last and (not spell.said or still(spell.said)):
                return spell.made
        season = Season(now)
        made = make(season)
        if season.lasting:
            spell = _Spell(season.first, season.last, tuple(season.said), made)
            weight = 1 + len(spell.said) + sum(1 + len(one.requirements) for one in made)
            self._keep(evidence, place, (asked, spell, weight))
        return made

    def _keep(self, evidence: Evidence, place: _Place, result: _Result) -> None:
        if self._remembered >= MAX_REMEMBERED:
            self._evidence.clear()
            self._remembered = 0
        results = self._results(evidence)
        former = results.get(place)
        self._remembered += result[2] - (former[2] if former else 0)
        results[place] = result

    def _results(self, evidence: Evidence) -> dict[_Place, _Result]:
        key = id(evidence)
        known = self._evidence.get(key)
        if known is not None and known[0]() is evidence:
            return known[1]
        results: dict[_Place, _Result] = {}
        self._evidence[key] = (weakref.ref(evidence, _forgetting(weakref.ref(self), key)), results)
        return results

    def forget(self, key: int) -> None:
        """Evidence of this identity is gone."""
        gone = self._evidence.pop(key, None)
        if gone is not None:
            self._remembered -= sum(weight for _, _, weight in gone[1].values())


def _forgetting(recall: "weakref.ref[Recall]", key: int) -> Callable[[object], None]:
    """Holds nothing, so that what old policies remembered goes at once with them."""

    def gone(_: object) -> None:
        known = recall()
        if known is not None:
            known.forget(key)

    return gone
