"""The coverage report: of each namespace, which images no policy covers, and which are never judged."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.policy import Uncovered
from controller.core.text import printable
from controller.wire.reported import SOURCE

COVERAGE = "navicert-coverage"
POLICY = "coverage"
MAX_NAMED = 50  # images of one result that are named; all of them are counted
_RESULTS = {Uncovered.ALLOW: "warn", Uncovered.WARN: "warn", Uncovered.DENY: "fail"}
_IMAGE_CHARACTERS = 300

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One namespace: distinct images that no policy covers and that are exempt, and pods that can't be read."""

    uncovered: frozenset[str] = frozenset()
    exempt: frozenset[str] = frozenset()
    unreadable: int = 0


def render_coverage(coverage: Mapping[str, Coverage], setting: Uncovered) -> tuple[Document, ...]:
    """The results, in order of the namespace; none for a namespace all of whose images are covered."""
    return tuple(result for name, one in sorted(coverage.items()) for result in _results(name, one, setting))


def _results(namespace: str, coverage: Coverage, setting: Uncovered) -> Iterator[Document]:
    if coverage.uncovered:
        words = "of which no ClusterSLSAPolicy in Enforce or Warn asks the origin"
        yield _result(namespace, "Uncovered", _RESULTS[setting], words, coverage.uncovered)
    if coverage.exempt:
        yield _result(namespace, "Exempt", "skip", "in a namespace that is exempt", coverage.exempt)
    if coverage.unreadable:
        yield _base(namespace, "Unreadable", "error") | {
            "message": f"{coverage.unreadable} pods that can't be read, and were not judged",
            "properties": {"pods": str(coverage.unreadable)},
        }


def _result(namespace: str, rule: str, result: str, words: str, images: Iterable[str]) -> Document:
    listed = sorted(images)
    named = [printable(image, limit=_IMAGE_CHARACTERS) for image in listed[:MAX_NAMED]]
    rest = f" and {len(listed) - MAX_NAMED} more" if len(listed) > MAX_NAMED else ""
    return _base(namespace, rule, result) | {
        "message": f"{len(listed)} {'image' if len(listed) == 1 else 'images'} {words}",
        "properties": {"images": str(len(listed)), "named": ", ".join(named) + rest},
    }


def _base(namespace: str, rule: str, result: str) -> Document:
    return {
        "source": SOURCE,
        "policy": POLICY,
        "rule": rule,
        "result": result,
        "resources": [{"apiVersion": "v1", "kind": "Namespace", "name": namespace}],
    }
