"""A verdict for people: what was proven of each image, and each requirement with how it came out."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from controller.cli.output import Cell, Column, Screen, Tone
from controller.core.errors import Problem
from controller.core.policy import Mode
from controller.core.reasons import Outcome
from controller.core.text import printable
from controller.core.told import RequirementVerdict
from controller.core.verdict import Finding, ImageVerdict, Proven, Verdict
from controller.wire.verification import Answer, answer_of

_COLUMNS = (
    Column("image", folds=True),
    Column("answer"),
    Column("level"),
    Column("builder", folds=True),
    Column("reason"),
    Column("why", folds=True),
)
_ANSWERS: Mapping[Answer, Tone] = {"admitted": Tone.GOOD, "refused": Tone.BAD, "unknown": Tone.NOTICE}
_TONES = {Outcome.PASS: Tone.GOOD, Outcome.FAIL: Tone.BAD, Outcome.ERROR: Tone.NOTICE, Outcome.SKIP: Tone.NOTICE}
_SIGNS = {Outcome.PASS: "\N{CHECK MARK}", Outcome.FAIL: "\N{BALLOT X}", Outcome.ERROR: "?", Outcome.SKIP: "-"}
_WARNED = "admitted, warned"
_NAME_WIDTH = 9
_WORD_WIDTH = 5


def show_problems(screen: Screen, problems: Mapping[str, Iterable[Problem]], *, files: Iterable[Path]) -> None:
    """Every object that is broken, on the error stream, with all that is wrong with it, and what tells the lines of
    the files that they were read from, if they were."""
    for name, found in sorted(problems.items()):
        for problem in found:
            screen.problem(f"{name} is broken: {problem}")
    named = printable(" ".join(map(str, files)))
    if problems and named:
        screen.problem(f"navicert lint {named} tells the lines")


def show_verdict(screen: Screen, verdict: Verdict) -> None:
    """One image in full; of several a table, and in full those of which there is more to say."""
    if len(verdict.images) == 1:
        _show_image(screen, verdict.images[0])
        return
    screen.table(_COLUMNS, [_row(image) for image in verdict.images])
    for image in verdict.images:
        if _word(image) != "admitted":
            screen.line()
            _show_image(screen, image)


def _row(image: ImageVerdict) -> tuple[Cell, ...]:
    told = _most_telling(image)
    proven = told.proven
    return (
        Cell(image.image.text),
        Cell(_word(image), _tone(image)),
        Cell("" if proven.level is None else str(proven.level)),
        Cell(", ".join(proven.builders)),
        Cell(told.reason.name),
        Cell(told.detail),
    )


def _show_image(screen: Screen, image: ImageVerdict) -> None:
    screen.line(f"{image.image.text}: {_word(image)}", _tone(image))
    _show_fact(screen, "digest", str(image.digest or "not known"))
    for name, text in _facts(_most_telling(image).proven):
        _show_fact(screen, name, text)
    for finding in image.findings:
        _show_finding(screen, finding)


def _show_fact(screen: Screen, name: str, text: str) -> None:
    screen.line(f"  {name:<{_NAME_WIDTH}}{text}")


def _facts(proven: Proven) -> Iterator[tuple[str, str]]:
    builder = ": ".join(text for text in (", ".join(proven.builders), proven.builder_id or "") if text)
    source = " ".join(text for text in (proven.source, proven.ref, proven.commit) if text)
    signed_at = proven.signed_at.isoformat() if proven.signed_at else "none that is verified"
    facts = (
        ("level", "" if proven.level is None else str(proven.level)),
        ("builder", builder),
        ("source", source),
        ("signer", proven.signer or ""),
        ("time", signed_at if proven.signer else ""),
    )
    return ((name, text) for name, text in facts if text)


def _show_finding(screen: Screen, finding: Finding) -> None:
    policy = f"{finding.policy} ({finding.mode.value})" if finding.policy else "no policy"
    detail = f": {finding.detail}" if finding.detail else ""
    screen.line(f"  {policy}: {finding.reason.name}{detail}", _TONES[finding.outcome])
    for requirement in finding.requirements:
        _show_requirement(screen, requirement)
    if finding.proven.exception:
        ticket = f", ticket {finding.proven.ticket}" if finding.proven.ticket else ""
        screen.line(f"    excused by SLSAException/{finding.proven.exception}{ticket}")
    if finding.unmet:
        _show_what_to_do(screen, finding)


def _show_requirement(screen: Screen, requirement: RequirementVerdict) -> None:
    outcome = requirement.outcome
    if outcome is None:
        screen.line(f"    {screen.mark(' ', ' ' * _WORD_WIDTH)} {requirement.name}: not looked at")
        return
    told = f": {requirement.detail}" if requirement.detail and outcome is not Outcome.PASS else ""
    mark = screen.mark(_SIGNS[outcome], outcome.value.ljust(_WORD_WIDTH))
    screen.line(f"    {mark} {requirement.name}{told}", _TONES[outcome])


def _show_what_to_do(screen: Screen, finding: Finding) -> None:
    if finding.policy is None and finding.mode is Mode.AUDIT:
        return  # nobody asks for anything
    if finding.mode is not Mode.ENFORCE:
        screen.line(f"    a warning: under Enforce this would refuse. {finding.reason.remedy}")
    elif finding.reason.remedy:
        screen.line(f"    {finding.reason.remedy}")


def _word(image: ImageVerdict) -> str:
    """As the document has it, and whether a policy complains that can't refuse."""
    answer = answer_of(image)
    complaints = (one.policy or one.warns for one in image.findings if one.unmet)
    return _WARNED if answer == "admitted" and any(complaints) else answer


def _tone(image: ImageVerdict) -> Tone:
    return Tone.NOTICE if _word(image) == _WARNED else _ANSWERS[answer_of(image)]


def _most_telling(image: ImageVerdict) -> Finding:
    """What refuses, else what complains, else what proves most; the first of equals."""

    def rank(finding: Finding) -> tuple[bool, bool, bool, bool]:
        fails = finding.refuses and finding.outcome is Outcome.FAIL
        return fails, finding.refuses, finding.unmet and finding.policy is not None, finding.proven.level is not None

    return max(image.findings, key=rank)
