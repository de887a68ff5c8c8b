"""How far one provenance statement came, and what it proves: what findings tell of it."""

from dataclasses import dataclass, field, replace

from controller.core.answer import Answer, Miss
from controller.core.demand import SOURCE_LEVEL, Demand
from controller.core.reasons import Outcome, Reason
from controller.core.requirements import Part
from controller.core.slsa import UNKNOWN_PAIR_LEVEL
from controller.core.step import Step
from controller.core.testimony import Testimony, Voice
from controller.core.told import RequirementVerdict
from controller.core.verdict import Proven

_STEPS = {
    Part.BUILD_LEVEL.value: (Step.LEVEL,),
    Part.BUILDERS.value: (Step.BUILDER,),
    Part.SOURCES.value: (Step.REPOSITORY, Step.REF, Step.ENTRY_POINT, Step.TRIGGER),
    Part.BUILD.value: (Step.BUILD_TYPE, Step.PARAMETERS, Step.AGE, Step.CONDITIONS),
    Part.DEPENDENCIES.value: (Step.DEPENDENCIES,),
    SOURCE_LEVEL: (Step.SOURCE_LEVEL,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """How far one statement came by one builder's word; `miss` is None when everything is met.

    `voice` is None where no builder spoke for it, or none that the policy allows. `note` is fit to print. `met` is the
    answer where nothing is missed.
    """

    demand: Demand
    testimony: Testimony
    step: Step
    miss: Miss | None = None
    voice: Voice | None = None
    note: str = ""
    met: Answer | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "met", self._answer() if self.miss is None else None)

    @property
    def answer(self) -> Answer:
        """This try as the answer to what was asked."""
        return self._answer() if self.met is None else self.met

    def _answer(self) -> Answer:
        demand = self.demand
        return Answer(
            reason=self.miss.reason if self.miss else Reason.Satisfied,
            detail=self.miss.detail if self.miss else self.note,
            closeness=self.step,
            proven=self._proven(demand),
            requirements=self._verdicts(demand),
        )

    def _proven(self, demand: Demand) -> Proven:
        """All that speak for it are named where none is allowed, of what is met those that are and reach the level."""
        voices = self.testimony.voices
        if self.voice is None:
            level = max((one.builder.max_level for one in voices), default=UNKNOWN_PAIR_LEVEL)
            names = tuple(one.builder.name for one in voices)
            return replace(self.testimony.proven, level=level, builders=names) if voices else self.testimony.proven
        if self.miss is not None or len(voices) == 1:
            return self.voice.proven
        names = tuple(one.builder.name for one in voices if demand.hears(one.builder))
        return replace(self.voice.proven, builders=names)

    def _verdicts(self, demand: Demand) -> tuple[RequirementVerdict, ...]:
        """Each asked part. What failed before any part alone was asked is told of the first."""
        miss = self.miss
        if miss is None:
            return demand.passed
        failed = next((name for name in demand.names if self.step in _STEPS[name]), demand.names[0])
        return tuple(
            RequirementVerdict(name=name, outcome=miss.reason.outcome, detail=miss.detail)
            if name == failed
            else RequirementVerdict(name=name, outcome=Outcome.PASS if max(_STEPS[name]) < self.step else None)
            for name in demand.names
        )
