"""The SLSA Source level of the commit that was built (SLSA v1.2, source track): told by a verification summary about
the repository and commit of the same provenance statement."""

from collections.abc import Iterable

from controller.core.answer import Miss
from controller.core.evidence import VerifiedStatement
from controller.core.matchers import accepted
from controller.core.reasons import Reason
from controller.core.records import MAX_CLOCK_LEAD
from controller.core.requirements import SourceLevelRequirement, SourceVerifier
from controller.core.season import Season
from controller.core.source import normalise_source
from controller.core.testimony import Voice
from controller.core.text import printable


def source_level_miss(
    asked: SourceLevelRequirement, voice: Voice, summaries: Iterable[VerifiedStatement], season: Season
) -> Miss | None:
    """None when an accepted summary tells the asked level of exactly the commit and repository that `voice` tells.

    Refs that a summary lists are not asked for: they need not be complete (SRC-034). One that says that it was made
    in the future, by more than a clock may be ahead, tells nothing.
    """
    source = voice.source
    if source is None or source.repository is None or source.commit is None:
        return Miss(reason=Reason.SourceLevelTooLow, detail="nothing tells which commit of which repository was built")
    told = [
        level
        for statement in summaries
        if source.commit in statement.commits
        for verifier in asked.summaries
        if (level := _told(statement, verifier, source.repository, season)) is not None
    ]
    best = max(told, default=0)
    if best >= asked.level:
        return None
    commit = f"commit {printable(source.commit, limit=64)} of {printable(source.repository)}"
    known = f"Source level {best}" if told else "no known Source level"
    return Miss(reason=Reason.SourceLevelTooLow, detail=f"{commit} has {known}, level {asked.level} is asked")


def _told(statement: VerifiedStatement, verifier: SourceVerifier, repository: str, season: Season) -> int | None:
    """The level by this verifier's word, no higher than it is believed; None when it is not its word on this."""
    summary = statement.summary
    if summary is None or not summary.passed or summary.verifier_id != verifier.verifier_id:
        return None
    if summary.time_verified is not None and season.is_ahead(summary.time_verified, MAX_CLOCK_LEAD):
        return None
    if normalise_source(summary.resource_uri) != repository or not accepted(verifier.signers, statement):
        return None
    claimed = summary.claimed_level("SOURCE")
    return None if claimed is None else min(claimed, verifier.max_level)
