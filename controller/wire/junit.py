"""JUnit XML, as continuous integration reads the outcome of tests: one suite a file, one case a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from controller.core.text import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test: how long it took, in seconds, and why it failed; no lines where it passed."""

    name: str
    seconds: float
    failure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The tests of one file."""

    name: str
    cases: tuple[Case, ...]


def render_junit(suites: Sequence[Suite]) -> bytes:
    """The document, UTF-8. Text is made fit to print: XML has no way to say most control characters."""
    root = ET.Element("testsuites", _counts([case for suite in suites for case in suite.cases]))
    for suite in suites:
        element = ET.SubElement(root, "testsuite", {"name": printable(suite.name), **_counts(suite.cases)})
        for case in suite.cases:
            _add(element, suite.name, case)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add(suite: ET.Element, classname: str, case: Case) -> None:
    said = {"classname": printable(classname), "name": printable(case.name), "time": f"{case.seconds:.3f}"}
    element = ET.SubElement(suite, "testcase", said)
    if case.failure:
        lines = [printable(line, limit=1000) for line in case.failure]
        ET.SubElement(element, "failure", {"message": lines[0]}).text = "\n".join(lines)


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    failures = sum(bool(case.failure) for case in cases)
    seconds = sum(case.seconds for case in cases)
    return {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "time": f"{seconds:.3f}"}
