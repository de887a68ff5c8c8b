"""To whom a running pod belongs: its controllers, followed up to the last one that can be read.

An ownerReference is whatever its author wrote. A controller counts only when it is there, in the pod's namespace, with
that very uid: a report that belonged to anything else would be collected as garbage, and nobody would read it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from controller.core.errors import MalformedReview
from controller.kube.client import Forbidden
from controller.wire.running import Reference, RunningPod, parse_owner

READABLE: Mapping[tuple[str, str], str] = {
    ("v1", "ReplicationController"): "/api/v1/namespaces/{}/replicationcontrollers/",
    ("apps/v1", "ReplicaSet"): "/apis/apps/v1/namespaces/{}/replicasets/",
    ("apps/v1", "Deployment"): "/apis/apps/v1/namespaces/{}/deployments/",
    ("apps/v1", "StatefulSet"): "/apis/apps/v1/namespaces/{}/statefulsets/",
    ("apps/v1", "DaemonSet"): "/apis/apps/v1/namespaces/{}/daemonsets/",
    ("batch/v1", "Job"): "/apis/batch/v1/namespaces/{}/jobs/",
    ("batch/v1", "CronJob"): "/apis/batch/v1/namespaces/{}/cronjobs/",
}
"""The kinds that are asked for, all of them in namespaces: a Node, or a kind of somebody else's, ends the chain."""
DEPTH = 4
KNOWN_SECONDS = 3600.0

Get = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""The object at a path of the API server, or None when there is none."""

_Known = tuple[float, bool, Reference | None]


class Owners:
    """Follows controllers, and remembers each for KNOWN_SECONDS at most. Belongs to one event loop."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self._known: dict[tuple[str, Reference], _Known] = {}

    async def top(self, pod: RunningPod) -> Reference:
        """The last controller above the pod that is there and can be read; the pod itself where none is.

        Raises ApiServerUnavailable when that can't be found out.
        """
        top, above = pod.pod, pod.controller
        for _ in range(DEPTH):
            if above is None:
                return top
            there, next_above = await self._look(pod.namespace, above)
            if not there:
                return top
            top, above = above, next_above
        return top

    def forget(self) -> None:
        """Drop what is too old."""
        now = _clock()
        self._known = {key: known for key, known in self._known.items() if known[0] > now}

    async def _look(self, namespace: str, owner: Reference) -> tuple[bool, Reference | None]:
        """Whether this owner is there and can be read, and its own controller."""
        known = self._known.get((namespace, owner))
        if known is None or known[0] <= _clock():
            there, above = await self._read(namespace, owner)
            known = (_clock() + KNOWN_SECONDS * random.uniform(0.5, 1.0), there, above)
            self._known[(namespace, owner)] = known
        return known[1], known[2]

    async def _read(self, namespace: str, owner: Reference) -> tuple[bool, Reference | None]:
        collection = READABLE.get((owner.api_version, owner.kind))
        if collection is None:
            return False, None
        path = collection.format(quote(namespace, safe="")) + quote(owner.name, safe="")
        try:
            document = await self._get(path)
            uid, above = parse_owner(document or {"metadata": {}})
        except (Forbidden, MalformedReview):
            return False, None
        return (True, above) if uid and uid == owner.uid else (False, None)


def _clock() -> float:
    return asyncio.get_running_loop().time()
