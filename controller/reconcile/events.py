"""Events of the cluster: what people are told of an object beside its status."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from controller.core.errors import ApiServerUnavailable
from controller.kube.client import Object, Verb
from controller.reconcile.keeping import Write
from controller.reconcile.lease import NotLeading

CLUSTER_NAMESPACE = "default"  # where the API server wants Events about objects without a namespace
COMPONENT = "navicert-operator"

_log = logging.getLogger(__name__)


class EventWriter:
    """Writes Events; one that can't be written is logged and not tried again."""

    def __init__(self, write: Write, now: Callable[[], datetime]) -> None:
        self._write = write
        self._now = now

    async def warn(self, subject: Object, reason: str, message: str) -> None:
        """A Warning about this object, whose document says its apiVersion and kind. Never raises."""
        namespace = subject["metadata"].get("namespace") or CLUSTER_NAMESPACE
        event = _event(subject, namespace, reason, message, self._now())
        try:
            await self._write(Verb.CREATE, f"/api/v1/namespaces/{namespace}/events", event)
        except (ApiServerUnavailable, NotLeading) as error:
            _log.warning("event not written", extra={"reason": reason, "error": str(error)})


def _event(subject: Object, namespace: str, reason: str, message: str, now: datetime) -> Mapping[str, Any]:
    metadata, time = subject["metadata"], now.strftime("%Y-%m-%dT%H:%M:%SZ")
    involved = {name: subject.get(name) for name in ("apiVersion", "kind")}
    involved |= {name: metadata.get(name) for name in ("name", "namespace", "uid", "resourceVersion")}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{str(metadata['name'])[:200]}.", "namespace": namespace},
        "involvedObject": {name: value for name, value in involved.items() if value},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": COMPONENT},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
