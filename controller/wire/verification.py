"""What `navicert verify` answers as a document, in JSON and YAML. Its schema is made from these types.

Every field is always there; what is not known is null. Fields may be added, and none changes its meaning.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from controller.core.errors import Problem
from controller.core.told import RequirementVerdict
from controller.core.verdict import Finding, ImageVerdict, Verdict, conclude

Answer = Literal["admitted", "refused", "unknown"]
Outcome = Literal["pass", "fail", "error", "skip"]

_ANSWERS: Mapping[int, Answer] = {200: "admitted", 403: "refused"}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class Requirement(_Shape, frozen=True, kw_only=True):
    """One requirement of a policy. `outcome` is null where it was not looked at."""

    name: Annotated[str, msgspec.Meta(description="its place in the API below `require`, as signatures[0]")]
    outcome: Outcome | None
    detail: str


class PolicyFinding(_Shape, frozen=True, kw_only=True):
    """How one policy judged the image, and what was proven, of the closest statement where it failed."""

    policy: Annotated[str | None, msgspec.Meta(description="kind/name or kind/namespace/name; null: no policy says it")]
    mode: Literal["Enforce", "Warn", "Audit"]
    outcome: Outcome
    reason: Annotated[str, msgspec.Meta(description="one of the closed list of reasons")]
    detail: str
    remedy: str
    level: int | None
    builders: tuple[str, ...]
    builder_id: str | None = msgspec.field(name="builderID")
    source: str | None
    ref: str | None
    commit: str | None
    signer: str | None
    signed_at: Annotated[datetime, msgspec.Meta(tz=True)] | None
    exception: str | None
    ticket: str | None
    requirements: tuple[Requirement, ...]


class Image(_Shape, frozen=True, kw_only=True):
    """One image and all findings on it. `covered`: a ClusterSLSAPolicy in Enforce or Warn asks where it comes from."""

    image: Annotated[str, msgspec.Meta(description="the normalised image reference")]
    answer: Answer
    digest: str | None
    covered: bool
    findings: Annotated[tuple[PolicyFinding, ...], msgspec.Meta(min_length=1)]


class BrokenPart(_Shape, frozen=True, kw_only=True):
    """One thing wrong with an object that judging went by, whether it matters to these images or not."""

    object: str
    path: str
    message: str


class Verification(_Shape, frozen=True, kw_only=True):
    """The answer for all images: refused if one is, else unknown if one is, else admitted."""

    answer: Answer
    images: Annotated[tuple[Image, ...], msgspec.Meta(min_length=1)]
    problems: tuple[BrokenPart, ...]


def render_verification(verdict: Verdict, problems: Mapping[str, Iterable[Problem]]) -> dict[str, Any]:
    """The document; `problems` are those of the objects that were judged by."""
    broken = (
        BrokenPart(object=name, path=one.path, message=one.message)
        for name, found in sorted(problems.items())
        for one in found
    )
    document = Verification(
        answer=answer(verdict), images=tuple(_image(image) for image in verdict.images), problems=tuple(broken)
    )
    built: dict[str, Any] = msgspec.to_builtins(document)
    return built


def verification_schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return schema_of(Verification)


def schema_of(shape: type[Any]) -> dict[str, Any]:
    """The JSON Schema of a document of ours."""
    return {"$schema": _DIALECT, **msgspec.json.schema(shape)}


def answer(verdict: Verdict) -> Answer:
    """The verdict in a word: unknown is what could not be found out, and is refused, too."""
    return _ANSWERS.get(verdict.code, "unknown")


def answer_of(image: ImageVerdict) -> Answer:
    """The verdict on one image alone, in a word."""
    return answer(conclude((image,), expected=1))


def _image(image: ImageVerdict) -> Image:
    return Image(
        image=image.image.text,
        answer=answer_of(image),
        digest=str(image.digest) if image.digest else None,
        covered=image.covered,
        findings=tuple(_finding(finding) for finding in image.findings),
    )


def _finding(finding: Finding) -> PolicyFinding:
    proven = finding.proven
    return PolicyFinding(
        policy=str(finding.policy) if finding.policy else None,
        mode=finding.mode.value,
        outcome=finding.outcome.value,
        reason=finding.reason.name,
        detail=finding.detail,
        remedy=finding.reason.remedy,
        level=proven.level,
        builders=proven.builders,
        builder_id=proven.builder_id,
        source=proven.source,
        ref=proven.ref,
        commit=proven.commit,
        signer=proven.signer,
        signed_at=proven.signed_at,
        exception=proven.exception,
        ticket=proven.ticket,
        requirements=tuple(_requirement(one) for one in finding.requirements),
    )


def _requirement(one: RequirementVerdict) -> Requirement:
    return Requirement(name=one.name, outcome=one.outcome.value if one.outcome else None, detail=one.detail)
