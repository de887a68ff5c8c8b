"""Judging where an image comes from: provenance, what summaries stand in for, and the SBOM that hangs on it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

from controller.core.answer import Answer, Capturing
from controller.core.build import judge_provenance, tries
from controller.core.demand import Demand
from controller.core.evidence import Evidence
from controller.core.matchers import roots_of
from controller.core.platforms import by_platforms
from controller.core.question import Question
from controller.core.reasons import Outcome, Reason
from controller.core.requirements import Part, SBOMRequirement, SummaryAcceptance
from controller.core.sbom import judge_bound_sbom, same_signer
from controller.core.signer import Signer
from controller.core.summaries import Standing, standing
from controller.core.told import RequirementVerdict
from controller.core.verdict import Proven

_T = TypeVar("_T")
_BY_SUMMARY = "by a verification summary"


class Origin(NamedTuple):
    """What a policy demands of the origin of one image, and the summaries that it accepts.

    `rests` are what is left of the demand, by the parts that summaries stand in for.
    """

    demand: Demand
    rests: Mapping[frozenset[Part], Demand]
    acceptances: tuple[SummaryAcceptance, ...]
    question: Question
    captures: Capturing

    def judge(self) -> Answer:
        """Whether one provenance statement meets the demand, as far as no accepted summary stands in for it.

        Provenance of the index counts, or of every child; a summary about the index, or about every child of it,
        stands in for both.
        """
        return by_platforms(self._judge, self.question.evidence, self._roots)

    def judge_sbom(self, requirement: SBOMRequirement) -> Answer:
        """Whether there is an SBOM by the signer of provenance that meets the whole demand.

        That is a statement which a TrustedBuilder speaks for, and which needs nothing to stand in for it: by a
        summary nobody is named who could sign.
        """

        def judge(evidence: Evidence) -> Answer:
            return judge_bound_sbom(requirement, evidence, self._signers_for(evidence))

        return by_platforms(judge, self.question.evidence, self._roots)

    def _roots(self) -> frozenset[str] | None:
        """Those of every builder that could speak for what is asked, or is left to ask, and of every summary that
        could count; any root will do where provenance that no builder speaks for is enough."""
        demands = (self.demand, *self.rests.values())
        if not all(one.expects_builder for one in demands):
            return None
        accepted = (signer for one in self.acceptances for signer in one.signers)
        verifying = (signer for one in self.demand.source_levels for by in one.summaries for signer in by.signers)
        speaking = (one for one in self.question.builders if any(demand.hears(one) for demand in demands))
        return roots_of((*accepted, *verifying)).union(*(one.trust_roots for one in speaking))

    def _judge(self, evidence: Evidence) -> Answer:
        alone = judge_provenance(self.demand, evidence, self.question, self.captures)
        if alone.satisfied or not self.acceptances:
            return alone
        found = self._standing_for(evidence)
        if found.covered:
            return self._rest(found, evidence)
        nearer = found.miss is not None and found.miss.closeness > alone.closeness
        return replace(found.miss, requirements=alone.requirements) if found.miss and nearer else alone

    def _rest(self, found: Standing, evidence: Evidence) -> Answer:
        """What accepted summaries do not cover still needs provenance (SUM-010)."""
        rest = self.rests[found.covered]
        told = tuple(
            RequirementVerdict(name=part.value, outcome=Outcome.PASS, detail=_BY_SUMMARY)
            for part in self.demand.parts
            if part not in rest.parts
        )
        words = f"{', '.join(one.name for one in told)} {_BY_SUMMARY}"
        proven = found.proven or Proven()
        if not rest.asks:
            return Answer(reason=Reason.Satisfied, detail=words, proven=proven, requirements=told)
        answer = judge_provenance(rest, evidence, self.question, self.captures)
        level = proven.level if Part.BUILD_LEVEL in found.covered else answer.proven.level
        return replace(
            answer,
            detail="; ".join(text for text in (answer.detail, words) if text),
            proven=replace(answer.proven, level=level),
            requirements=(*told, *(answer.requirements or _untold(rest, answer))),
        )

    def _standing_for(self, evidence: Evidence) -> Standing:
        """What stands in at this place: of the index what all its children have, of a child what the index has."""
        index = self.question.evidence
        own = standing(self.acceptances, self.demand, evidence, self.question)
        if evidence is not index:
            return own.joined(standing(self.acceptances, self.demand, index, self.question))
        shared = self._of_every_child(lambda child: standing(self.acceptances, self.demand, child, self.question))
        return own.joined(Standing.shared(shared)) if shared else own

    def _signers_for(self, evidence: Evidence) -> tuple[Signer, ...]:
        index = self.question.evidence
        own = self._signers(evidence)
        if evidence is not index:
            return own + self._signers(index)
        shared = self._of_every_child(self._signers)
        common = (one for one in shared[0] if all(_among(one, others) for others in shared)) if shared else ()
        return (*own, *common)

    def _signers(self, evidence: Evidence) -> tuple[Signer, ...]:
        found = tries(self.demand, evidence, self.question, self.captures)
        met = (one for one in found if one.miss is None)
        signers = (one.testimony.statement.signer for one in met if one.voice is not None)
        return tuple(signer for signer in signers if signer is not None)

    def _of_every_child(self, find: Callable[[Evidence], _T]) -> tuple[_T, ...]:
        """What is found of each child; nothing when there are none, or one's evidence was not gathered."""
        index = self.question.evidence
        return () if index.unread else tuple(find(child) for child in index.children)


def _among(signer: Signer, others: tuple[Signer, ...]) -> bool:
    return any(same_signer(signer, other) for other in others)


def _untold(rest: Demand, answer: Answer) -> tuple[RequirementVerdict, ...]:
    """Where there is no statement at all, the first part that is left is the one that misses it."""
    first, *others = rest.names
    missed = RequirementVerdict(name=first, outcome=answer.reason.outcome, detail=answer.detail)
    return (missed, *(RequirementVerdict(name=one, outcome=None) for one in others))
