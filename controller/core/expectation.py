"""Where an image may come from: alternatives, of which one holds as a whole (SRC-036, SRC-037)."""

from controller.core.answer import Captures, Miss
from controller.core.patterns import Glob
from controller.core.provenance import SourceClaim
from controller.core.reasons import Reason
from controller.core.requirements import SourceRequirement
from controller.core.step import Step
from controller.core.testimony import Voice
from controller.core.text import printable

Found = tuple[Step, Miss]


def source_miss(groups: tuple[tuple[SourceRequirement, ...], ...], voice: Voice, captures: Captures) -> Found | None:
    """The first step at which a group of alternatives is missed, by the closest of each; None when all are met."""
    if not groups:
        return None
    if voice.source is None:
        detail = f"builder {voice.builder.name} lets only a certificate tell the source, and this signer's does not"
        return Step.REPOSITORY, Miss(reason=Reason.BuilderNotTrusted, detail=detail)
    missed = [found for group in groups if (found := _closest(group, voice.source, captures)) is not None]
    return min(missed, key=_step, default=None)


def _closest(group: tuple[SourceRequirement, ...], source: SourceClaim, captures: Captures) -> Found | None:
    missed: list[Found] = []
    for alternative in group:
        found = _miss(alternative, source, captures)
        if found is None:
            return None
        missed.append(found)
    return max(missed, key=_step)


def _step(found: Found) -> Step:
    return found[0]


def _miss(asked: SourceRequirement, source: SourceClaim, captures: Captures) -> Found | None:
    """The first expectation that is not met. What nobody tells is unknown, and meets none (SRC-041)."""
    if (miss := _repository_miss(asked, source, captures)) is not None:
        return Step.REPOSITORY, miss
    if not _fits(asked.refs, source.ref):
        return Step.REF, _told(Reason.RefNotAllowed, "from ref", source.ref, asked.refs)
    if not _fits(asked.entry_points, source.entry_point):
        return Step.ENTRY_POINT, _told(Reason.EntryPointMismatch, "by", source.entry_point, asked.entry_points)
    if asked.triggers and source.trigger not in asked.triggers:
        return Step.TRIGGER, _told(Reason.TriggerNotAllowed, "on", source.trigger, tuple(sorted(asked.triggers)))
    return None


def _repository_miss(asked: SourceRequirement, source: SourceClaim, captures: Captures) -> Miss | None:
    repository = source.repository
    if repository is None:
        detail = "nothing names a source repository that can be compared"
        return Miss(reason=Reason.SourceMismatch, detail=detail)
    if not any(template.accepts(repository, found) for template in asked.repositories for found in captures):
        expected = sorted({template.expected(found) for template in asked.repositories for found in captures})
        detail = f"built from {printable(repository)}, expected {printable(' or '.join(expected))}"
        return Miss(reason=Reason.SourceMismatch, detail=detail)
    if asked.repository_ids and source.repository_id not in asked.repository_ids:
        return _told(
            Reason.SourceMismatch, "from repository id", source.repository_id, tuple(sorted(asked.repository_ids))
        )
    if asked.owner_ids and source.owner_id not in asked.owner_ids:
        return _told(
            Reason.SourceMismatch, "from a repository of owner id", source.owner_id, tuple(sorted(asked.owner_ids))
        )
    return None


def _fits(patterns: tuple[Glob, ...], text: str | None) -> bool:
    return not patterns or (text is not None and any(pattern.matches(text) for pattern in patterns))


def _told(reason: Reason, words: str, found: str | None, expected: tuple[object, ...]) -> Miss:
    allowed = " or ".join(str(one) for one in expected)
    return Miss(reason=reason, detail=f"built {words} {printable(found or '(unknown)')}, expected {printable(allowed)}")
