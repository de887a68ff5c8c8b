"""What a policy test expects, held against the verdict."""

from collections.abc import Iterator
from dataclasses import dataclass

from controller.core.errors import MalformedReference
from controller.core.image import ImageReference
from controller.core.verdict import Finding, ImageVerdict, Verdict
from controller.wire.policytest import Expectation, ExpectedFinding

NOTHING = "nothing of the kind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that came out another way than expected, in words."""

    expected: str
    got: str


def differences(expectation: Expectation, verdict: Verdict) -> tuple[Difference, ...]:
    """Everything that is not as expected; empty when the test holds."""
    return tuple(_differences(expectation, verdict))


def _differences(expectation: Expectation, verdict: Verdict) -> Iterator[Difference]:
    expected = (expectation.allowed, expectation.expected_code)
    if (verdict.allowed, verdict.code) != expected:
        yield Difference(expected=_answer(*expected), got=_answer(verdict.allowed, verdict.code))
    warnings = sum(finding.warns for finding in verdict.findings)
    if expectation.warnings not in (None, warnings):
        yield Difference(expected=f"{expectation.warnings} warnings", got=f"{warnings} warnings")
    if expectation.findings is not None:
        yield from _of_findings(expectation.findings, verdict)
    elif (verdict.allowed, verdict.code) != expected:
        for image, finding in _findings(verdict):
            yield Difference(expected="no word on findings", got=_told(image, finding))


def _of_findings(expected: tuple[ExpectedFinding, ...], verdict: Verdict) -> Iterator[Difference]:
    """Each finding is expected, and each expected one is there."""
    found = tuple(_findings(verdict))
    unexpected = [pair for pair in found if not any(_meets(one, *pair) for one in expected)]
    missing = [one for one in expected if not any(_meets(one, *pair) for pair in found)]
    for one in missing:
        instead = next((pair for pair in unexpected if _name(pair[1]) == (one.policy or "")), None)
        if instead is not None:
            unexpected.remove(instead)
        yield Difference(expected=_asked(one), got=_told(*instead) if instead else NOTHING)
    for pair in unexpected:
        yield Difference(expected=NOTHING, got=_told(*pair))


def _findings(verdict: Verdict) -> Iterator[tuple[ImageVerdict, Finding]]:
    return ((image, finding) for image in verdict.images for finding in image.findings)


def _meets(expected: ExpectedFinding, image: ImageVerdict, finding: Finding) -> bool:
    named = expected.image is None or _normalised(expected.image) == image.image.text
    return named and (expected.policy or "", expected.reason) == (_name(finding), finding.reason.name)


def _normalised(text: str) -> str:
    try:
        return str(ImageReference.parse(text))
    except MalformedReference:
        return text


def _name(finding: Finding) -> str:
    return str(finding.policy or "")


def _answer(allowed: bool, code: int) -> str:  # noqa: FBT001 (two facts of one answer)
    return "admitted" if allowed else f"refused ({code})"


def _asked(one: ExpectedFinding) -> str:
    about = f" of {one.image}" if one.image else ""
    return f"{one.policy or 'no policy'}: {one.reason}{about}"


def _told(image: ImageVerdict, finding: Finding) -> str:
    detail = f", {finding.detail}" if finding.detail else ""
    return f"{_name(finding) or 'no policy'}: {finding.reason.name} of {image.image.text}{detail}"
