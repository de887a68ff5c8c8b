"""A Lease of coordination.k8s.io as a record: who holds it, and for how long after each renewal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

from controller.core.errors import ApiServerUnavailable
from controller.kube.documents import Object
from controller.kube.owner import Owner, owned

_COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseName:
    """Which Lease, and whom it goes with."""

    namespace: str
    name: str
    owner: Owner | None = None

    @property
    def collection(self) -> str:
        """The path that a Lease is created at."""
        return _COLLECTION.format(quote(self.namespace, safe=""))

    @property
    def path(self) -> str:
        """The path of the Lease itself."""
        return f"{self.collection}/{quote(self.name, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRecord:
    """One version of a Lease; an empty `version` is that there is none any more. An empty `holder` is nobody.

    `seconds` count from whenever a version was first seen.

    The times in a Lease are of other machines' clocks: they are written for people, and never read.
    """

    version: str
    holder: str
    seconds: float
    transitions: int

    @classmethod
    def parse(cls, document: Object) -> Self:
        """Read a Lease; raises ApiServerUnavailable for what is none."""
        metadata, spec = document.get("metadata"), document.get("spec") or {}
        version = metadata.get("resourceVersion") if isinstance(metadata, Mapping) else None
        if not isinstance(version, str) or not isinstance(spec, Mapping):
            raise ApiServerUnavailable("the API server sent a Lease that is none")
        holder, seconds, transitions = (
            spec.get(name) for name in ("holderIdentity", "leaseDurationSeconds", "leaseTransitions")
        )
        return cls(
            version=version,
            holder=holder if isinstance(holder, str) else "",
            seconds=float(seconds) if isinstance(seconds, int) else 0.0,
            transitions=transitions if isinstance(transitions, int) else 0,
        )


def render_lease(name: LeaseName, after: LeaseRecord | None, *, holder: str, seconds: int, now: datetime) -> Object:
    """The Lease as it is to be written after this version, and after that version only; a new one after None, and
    after one that is gone."""
    metadata = owned({"name": name.name, "namespace": name.namespace}, name.owner)
    if after is not None and after.version:
        metadata["resourceVersion"] = after.version
    taken = after is not None and bool(holder) and after.holder != holder
    spec: dict[str, Any] = {
        "holderIdentity": holder,
        "leaseDurationSeconds": seconds,
        "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "leaseTransitions": (after.transitions if after else 0) + taken,
    }
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
