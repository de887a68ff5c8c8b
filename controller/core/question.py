"""What is asked: one image of one workload, at one moment, with what is the same for every policy made once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from controller.core.condition import View
from controller.core.evidence import Evidence, Kind, VerifiedStatement
from controller.core.image import Digest, ImageReference
from controller.core.policy import Uncovered
from controller.core.policyset import PolicySet
from controller.core.recall import Recall
from controller.core.season import Season
from controller.core.slsa import TrustedBuilder
from controller.core.testimony import Testimony, testimonies
from controller.core.work import MAX_WORK
from controller.core.workload import Workload

EXCEPTION_MAXIMUM = timedelta(days=90)  # unless the settings say otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What judgement takes from outside of objects and evidence.

    `now` is the review's one time (aware, UTC). `dependencies` is the evidence of images that others were built from,
    by digest: one that is not there is unknown, which meets no requirement. `work` is what
    the conditions of all policies on one image may cost together.
    """

    now: datetime
    uncovered: Uncovered
    exception_maximum: timedelta = EXCEPTION_MAXIMUM
    dependencies: Mapping[Digest, Evidence] = field(default_factory=dict)
    work: int = MAX_WORK


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One image with its evidence, before any policy is asked.

    `testimonies` are the provenance statements of the image and of its children, by the digest they are about.
    `unrooted` tells which builders could not be asked. `source_summaries` are about commits, so it makes no difference
    beside which of them they were found. `view` is what conditions see. Whatever asks about the time asks `season`,
    which then knows how long the answer holds.
    """

    reference: ImageReference
    moment: Moment
    evidence: Evidence
    builders: tuple[TrustedBuilder, ...]
    unrooted: tuple[str, ...]
    recall: Recall
    testimonies: Mapping[Digest, tuple[Testimony, ...]]
    source_summaries: tuple[VerifiedStatement, ...]
    view: View
    season: Season

    @classmethod
    def of(
        cls,
        policies: PolicySet,
        workload: Workload,
        reference: ImageReference,
        evidence: Evidence,
        moment: Moment,
        season: Season,
    ) -> "Question | None":
        """`season` is of the same moment. None when there is nothing to ask about: no such image, or no way to tell
        which it is.

        Raises ValueError for evidence about another image than the one that the reference names.
        """
        if evidence.digest is None or not evidence.found:
            return None
        if reference.digest not in (None, evidence.digest):
            raise ValueError("evidence is judged for its own image only")
        builders = policies.ranked_builders
        everything = (evidence, *evidence.children)
        return cls(
            reference=reference,
            moment=moment,
            evidence=evidence,
            builders=builders,
            unrooted=policies.unrooted,
            recall=policies.recall,
            testimonies={
                one.digest: policies.recall.once(one, builders, None, partial(testimonies, one, builders))
                for one in everything
                if one.digest is not None
            },
            source_summaries=tuple(
                statement for one in everything for statement in one.statements if statement.kind is Kind.SOURCE_SUMMARY
            ),
            view=View(
                reference=reference, digest=evidence.digest, workload=workload, now=moment.now, units=moment.work
            ),
            season=season,
        )

    def heard(self, evidence: Evidence) -> tuple[Testimony, ...]:
        """The provenance about the image, or the child of it, whose evidence this is."""
        return self.testimonies.get(evidence.digest, ()) if evidence.digest is not None else ()
