"""How far one provenance statement came, and what it proves: what findings tell of it."""

from dataclasses import dataclass

from controller.core.answer import Answer, Miss
from controller.core.demand import SOURCE_LEVEL, Demand
from controller.core.provenance import SourceClaim
from controller.core.reasons import Outcome, Reason
from controller.core.requirements import Part
from controller.core.slsa import UNKNOWN_PAIR_LEVEL
from controller.core.step import Step
from controller.core.testimony import Testimony, Voice
from controller.core.text import printable
from controller.core.verdict import Proven, RequirementVerdict

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

    `voice` is None where no builder spoke for it, or none that the policy allows. `note` is fit to print.
    """

    testimony: Testimony
    step: Step
    miss: Miss | None = None
    voice: Voice | None = None
    note: str = ""

    def answer(self, demand: Demand) -> Answer:
        """This try as the answer to what was asked."""
        return Answer(
            reason=self.miss.reason if self.miss else Reason.Satisfied,
            detail=self.miss.detail if self.miss else self.note,
            closeness=self.step,
            proven=self._proven(demand),
            requirements=self._verdicts(demand),
        )

    def _proven(self, demand: Demand) -> Proven:
        testimony, voice = self.testimony, self.voice
        source = (voice.source if voice else None) or testimony.provenance.source
        return Proven(
            level=voice.builder.max_level if voice else self._level,
            builders=tuple(one.builder.name for one in testimony.voices if self._named(one, demand)),
            builder_id=printable(testimony.provenance.builder_id),
            source=_shown(source, "repository"),
            ref=_shown(source, "ref"),
            commit=_shown(source, "commit"),
            signer=testimony.signer_words,
            signed_at=testimony.statement.signed_at,
        )

    @property
    def _level(self) -> int:
        return max((voice.builder.max_level for voice in self.testimony.voices), default=UNKNOWN_PAIR_LEVEL)

    def _named(self, voice: Voice, demand: Demand) -> bool:
        """All that speak for it are named, of what is satisfied only those that are allowed and reach the level."""
        if self.voice is None or self.miss is not None:
            return self.voice in (None, voice)
        allowed = demand.builders is None or voice.builder.name in demand.builders
        return allowed and voice.builder.max_level >= (demand.level or UNKNOWN_PAIR_LEVEL)

    def _verdicts(self, demand: Demand) -> tuple[RequirementVerdict, ...]:
        """Each asked part. What failed before any part alone was asked is told of the first."""
        miss = self.miss
        if miss is None:
            return tuple(RequirementVerdict(name=name, outcome=Outcome.PASS) for name in demand.names)
        failed = next((name for name in demand.names if self.step in _STEPS[name]), demand.names[0])
        return tuple(
            RequirementVerdict(name=name, outcome=miss.reason.outcome, detail=miss.detail)
            if name == failed
            else RequirementVerdict(name=name, outcome=Outcome.PASS if max(_STEPS[name]) < self.step else None)
            for name in demand.names
        )


def _shown(source: SourceClaim, name: str) -> str | None:
    text = getattr(source, name)
    return printable(text) if text else None
