"""Events on a workload whose outcome changed: one for each look, however many of its results changed.

Kubernetes API: events.k8s.io/v1 Event. What a scan finds for the first time is no change: the report tells it.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from controller.core.errors import ApiServerUnavailable
from controller.core.text import printable
from controller.core.verdict import ImageVerdict
from controller.kube.client import Verb
from controller.reconcile.keeping import Write
from controller.reconcile.lease import NotLeading
from controller.wire.report import Subject
from controller.wire.reported import ReportedOutcomes, key_of, results_of

CONTROLLER = "navicert.dev/operator"
REASON, ACTION = "OutcomeChanged", "Scan"
NOTE_CHARACTERS = 1024  # the most that the API server takes
INSTANCE_CHARACTERS = 128  # as above
MAX_EVENTS = 100  # of one look: a policy that turns everything must not flood the cluster
_BAD = frozenset({"fail", "error"})

_log = logging.getLogger(__name__)


def changes_of(verdicts: Iterable[ImageVerdict], before: ReportedOutcomes) -> tuple[str, ...]:
    """What came out differently before, a line each, the worst first; nothing for what is new."""
    lines: list[tuple[bool, str]] = []
    for verdict, finding in results_of(verdicts):
        known = before.get(key_of(verdict, finding))
        outcome = finding.outcome.value
        if known is not None and known.outcome != outcome:
            policy, image = key_of(verdict, finding)
            why = f" ({finding.reason.name})" if outcome in _BAD else ""
            lines.append((outcome not in _BAD, f"{policy}: {image}: {known.outcome}, now {outcome}{why}"))
    return tuple(line for _, line in sorted(lines))


class ChangeTeller:
    """Writes the Events of one look after the other; one that can't be written is logged and not tried again."""

    def __init__(self, write: Write, *, identity: str, now: Callable[[], datetime]) -> None:
        self._write = write
        self._identity = identity
        self._now = now
        self._told = 0

    def begin(self) -> None:
        """A new look begins."""
        self._told = 0

    def end(self) -> None:
        """The look is over: say what was too much to be told."""
        if self._told > MAX_EVENTS:
            _log.warning("events left out", extra={"changed": self._told, "told": MAX_EVENTS})

    async def tell(self, subject: Subject, changes: Sequence[str]) -> None:
        """Tell these changes, unless this look told of MAX_EVENTS workloads already. Never raises."""
        self._told += 1
        if self._told > MAX_EVENTS:
            return
        path = f"/apis/events.k8s.io/v1/namespaces/{quote(subject.namespace, safe='')}/events"
        try:
            await self._write(Verb.CREATE, path, self._event(subject, changes))
        except (ApiServerUnavailable, NotLeading) as error:
            _log.warning("event not written", extra={"reason": REASON, "error": str(error)})

    def _event(self, subject: Subject, changes: Sequence[str]) -> dict[str, Any]:
        top, bad = subject.top, any(word in line for line in changes for word in (", now fail", ", now error"))
        regarding = {"apiVersion": top.api_version, "kind": top.kind, "name": top.name, "uid": top.uid}
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": f"{top.name[:200].rstrip('-.')}-", "namespace": subject.namespace},
            "eventTime": self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": CONTROLLER,
            "reportingInstance": printable(self._identity, limit=INSTANCE_CHARACTERS),
            "action": ACTION,
            "reason": REASON,
            "type": "Warning" if bad else "Normal",
            "regarding": regarding | {"namespace": subject.namespace},
            "note": printable("; ".join(changes), limit=NOTE_CHARACTERS),
        }
