"""Findings in words: the same sentences for the webhook, the scan and the command line.

Deterministic: no times, no ids, so that controllers which repeat a refusal in their Events repeat the same bytes.
"""

from collections.abc import Iterable

from controller.core.text import printable
from controller.core.verdict import Finding, ImageVerdict, Verdict

MAX_MESSAGE_BYTES = 2048
MAX_WARNING_CHARACTERS = 256
MAX_WARNINGS = 15


def sentence(image: ImageVerdict, finding: Finding) -> str:
    """One line: slots, image with its digest, policy, reason, detail, remedy."""
    slots = ", ".join(str(slot) for slot in image.image.slots)
    policy = f" [{finding.policy}]" if finding.policy else ""
    detail = f": {finding.detail}" if finding.detail else ""
    remedy = f". {finding.reason.remedy}" if finding.reason.remedy else ""
    return f"{slots}: image {_image(image)}:{policy} {finding.reason.name}{detail}{remedy}"


def refusal(verdict: Verdict) -> str:
    """Why a workload is refused, a line each, in at most MAX_MESSAGE_BYTES; the last line counts what was cut."""
    lines = [sentence(image, finding) for image in verdict.images for finding in image.findings if finding.refuses]
    return cut_lines(lines)


def warnings(verdict: Verdict) -> tuple[str, ...]:
    """What an admitted or refused workload is warned of: at most MAX_WARNINGS, of which the last counts the rest."""
    return cut_warnings(
        [sentence(image, finding) for image in verdict.images for finding in image.findings if finding.warns]
    )


def cut_warnings(sentences: Iterable[str], *, of: str = "findings") -> tuple[str, ...]:
    """At most MAX_WARNINGS, of which the last counts the rest, each of at most MAX_WARNING_CHARACTERS."""
    lines = [printable(sentence, limit=MAX_WARNING_CHARACTERS) for sentence in sentences]
    if len(lines) <= MAX_WARNINGS:
        return tuple(lines)
    shown = lines[: MAX_WARNINGS - 1]
    return (*shown, f"and {len(lines) - len(shown)} more {of}")


def cut_lines(lines: Iterable[str], *, of: str = "findings") -> str:
    """Whole lines in at most MAX_MESSAGE_BYTES; the last counts what was cut. One too long by itself is shortened."""
    kept: list[str] = []
    lines = [printable(line, limit=MAX_MESSAGE_BYTES - 64) for line in lines]
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > MAX_MESSAGE_BYTES - 40:
            break
        kept.append(line)
    rest = len(lines) - len(kept)
    return "\n".join([*kept, f"and {rest} more {of}"] if rest else kept)


def _image(image: ImageVerdict) -> str:
    reference = image.image.reference
    if image.digest is None or (reference is not None and reference.digest is not None):
        return image.image.text
    return f"{image.image.text} ({image.digest})"
