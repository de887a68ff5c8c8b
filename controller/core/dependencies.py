"""Images that an image was built from: whether they are those asked, and which Build level each has.

Dependencies of dependencies are not followed (SUM-015).
"""

from collections.abc import Iterable, Iterator

from controller.core.answer import Miss
from controller.core.evidence import Evidence
from controller.core.image import ImageReference, Repository
from controller.core.policy import Policy
from controller.core.provenance import Provenance
from controller.core.question import Question
from controller.core.reasons import Reason
from controller.core.recorded import ImageDependency, image_dependencies
from controller.core.requirements import DependencyRequirement
from controller.core.slsa import TrustedBuilder
from controller.core.testimony import testimonies
from controller.core.text import printable


def dependency_miss(
    asked: DependencyRequirement, provenance: Provenance, builder: TrustedBuilder, question: Question
) -> Miss | None:
    """None when the builder records dependencies, and every image among them is one of those asked, at the level.

    What is not known is not none: a builder that does not record them, provenance that says it lists them in part, an
    image without a digest, an image whose evidence is not at hand (SUM-028).
    """
    if not builder.records_dependencies:
        detail = f"builder {builder.name} does not record what it builds from"
        return Miss(reason=Reason.DependencyLevelTooLow, detail=detail)
    if not provenance.dependencies_complete:
        detail = "dependencies are not complete: the provenance says that there may have been others"
        return Miss(reason=Reason.DependencyLevelTooLow, detail=detail)
    missed = (_image_miss(asked, image, question) for image in image_dependencies(provenance))
    return next((miss for miss in missed if miss is not None), None)


def wanted_dependencies(policies: Iterable[Policy], question: Question) -> tuple[ImageReference, ...]:
    """The images whose evidence could show that dependencies reach a level that one of these policies asks.

    Sorted, and without those that no policy would take anyway, or that are at hand already.
    """
    asked = [one for policy in policies for one in _demanded(policy) if one.level is not None]
    heard = (testimony for about in question.testimonies.values() for testimony in about)
    recorded = [one.provenance for one in heard if any(voice.builder.records_dependencies for voice in one.voices)]
    wanted = {
        ImageReference(repository=image.repository, digest=image.digest)
        for provenance in recorded
        for image in image_dependencies(provenance)
        if image.repository is not None
        and image.digest is not None
        and image.digest not in question.moment.dependencies
        and any(_is_one_of(one, image.repository) for one in asked)
    }
    return tuple(sorted(wanted, key=str))


def _demanded(policy: Policy) -> Iterator[DependencyRequirement]:
    for alternative in (*((policy.base,) if policy.base else ()), *policy.alternatives):
        yield from alternative.demand.dependencies


def _image_miss(asked: DependencyRequirement, image: ImageDependency, question: Question) -> Miss | None:
    shown = printable(image.shown)
    if asked.images and (image.repository is None or not _is_one_of(asked, image.repository)):
        detail = f"built from {shown}, which is none of the images that are allowed"
        return Miss(reason=Reason.DependencyLevelTooLow, detail=detail)
    if asked.level is None:
        return None
    found = question.moment.dependencies.get(image.digest) if image.digest is not None else None
    level = 0 if found is None else _level(found, question.builders)
    if level >= asked.level:
        return None
    gaps = () if found is None else found.gaps_under(frozenset().union(*(one.trust_roots for one in question.builders)))
    if gaps:
        return Miss(reason=gaps[0].reason, detail=f"dependency {shown}: {gaps[0].detail}")
    known = f"Build level {level}" if level else "no known Build level"
    detail = f"dependency {shown} has {known}, level {asked.level} is asked"
    return Miss(reason=Reason.DependencyLevelTooLow, detail=detail)


def _level(found: Evidence, builders: tuple[TrustedBuilder, ...]) -> int:
    """The highest level of a builder that speaks for provenance about the image itself, or of every child of it."""
    voices = (voice for one in testimonies(found, builders) for voice in one.voices)
    own = max((voice.builder.max_level for voice in voices), default=0)
    children = () if found.unread else found.children
    return max(own, min((_level(child, builders) for child in children), default=0))


def _is_one_of(asked: DependencyRequirement, repository: Repository) -> bool:
    return not asked.images or any(glob.matches(repository) for glob in asked.images)
