"""Reports in the cluster: those that are there, writing those that are not as they should be, removing stale ones.

A report is ours by label and name. What somebody else calls differently is never touched, and what stands there already
is never written again: a scan that finds nothing new makes no write.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from controller.core.image import Digest
from controller.kube.client import ApiClient, Conflict, Object, Resource, Verb
from controller.reconcile.keeping import Write
from controller.wire.report import PREFIX, ReportForm, part_name
from controller.wire.reported import MANAGED_BY, SOURCE, ReportedOutcomes, fingerprint, parse_outcomes
from controller.wire.running import Reference

ReportName = tuple[str, str]
"""Namespace, empty for a report of the cluster, and name."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A report that is there, made small."""

    uid: str
    version: str
    fingerprint: Digest
    outcomes: ReportedOutcomes


Present = Mapping[ReportName, Stored]


def name_of(report: Mapping[str, Any]) -> ReportName:
    """What a report goes by."""
    metadata = report["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def outcomes_before(present: Present, namespace: str, top: Reference) -> ReportedOutcomes:
    """What the reports of a workload told so far, all parts together."""
    outcomes: dict[tuple[str, str], Any] = {}
    number = 1
    while (stored := present.get((namespace, part_name(f"{PREFIX}{top.uid}", number)))) is not None:
        outcomes |= stored.outcomes
        number += 1
    return outcomes


class Reports:
    """All reports of one form. Whatever is written is written by `write`, which does so while this process leads."""

    def __init__(self, client: ApiClient, write: Write, form: ReportForm) -> None:
        self._client = client
        self._write = write
        self.form = form
        self._missing_told = False

    async def present(self) -> Present | None:
        """Every report of ours, a page at a time made small; None where the cluster lacks the kinds (AUD-009).

        Raises ApiServerUnavailable.
        """
        if not await self._installed():
            return None
        found: dict[ReportName, Stored] = {}
        for plural in (self.form.plural, self.form.cluster_plural):
            resource = Resource(kind=plural, path=f"{self.form.api}/{plural}", labels=f"{MANAGED_BY}={SOURCE}")
            async for page in self._client.pages(resource):
                found |= {name_of(one): _stored(one) for one in page.objects if name_of(one)[1].startswith(PREFIX)}
        return found

    async def publish(self, reports: Sequence[Object], present: Present) -> int:
        """Write those of these reports that are not there just so. Gives how many were written.

        Raises ApiServerUnavailable and NotLeading.
        """
        written = 0
        for report in reports:
            stored = present.get(name_of(report))
            if stored is None or stored.fingerprint != fingerprint(report):
                await self._put(report, stored.version if stored else None)
                written += 1
        return written

    async def remove(self, present: Present, wanted: Collection[ReportName]) -> int:
        """Remove what is there and not wanted: reports of workloads that are gone, or have nothing to be told.

        Gives how many were removed. Raises ApiServerUnavailable and NotLeading.
        """
        stale = {name: stored for name, stored in present.items() if name not in wanted}
        for name, stored in stale.items():
            preconditions = {"uid": stored.uid, "resourceVersion": stored.version}
            options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
            await self._write(Verb.DELETE, self._path(name), options)
        return len(stale)

    async def _installed(self) -> bool:
        """Whether the cluster has both kinds; told once each time it turns out otherwise."""
        listed = await self._client.get(self.form.api) or {}
        served = {one.get("name") for one in listed.get("resources") or ()}
        installed = {self.form.plural, self.form.cluster_plural} <= served
        if not installed and not self._missing_told:
            _log.warning("report kinds are not installed: no reports are written", extra={"api": self.form.api})
        self._missing_told = not installed
        return installed

    async def _put(self, report: Object, version: str | None) -> None:
        try:
            await self._write_once(report, version)
        except Conflict:  # edited meanwhile, or there without our label
            current = await self._client.get(self._path(name_of(report)))
            await self._write_once(report, current["metadata"]["resourceVersion"] if current else None)

    async def _write_once(self, report: Object, version: str | None) -> None:
        path = self._path(name_of(report))
        if version is None:
            await self._write(Verb.CREATE, path.rpartition("/")[0], report)
        else:
            versioned = {**report, "metadata": {**report["metadata"], "resourceVersion": version}}
            await self._write(Verb.REPLACE, path, versioned)

    def _path(self, name: ReportName) -> str:
        namespace, own = name
        if not namespace:
            return f"{self.form.api}/{self.form.cluster_plural}/{quote(own, safe='')}"
        return f"{self.form.api}/namespaces/{quote(namespace, safe='')}/{self.form.plural}/{quote(own, safe='')}"


def _stored(report: Object) -> Stored:
    metadata = report["metadata"]
    return Stored(
        uid=str(metadata.get("uid") or ""),
        version=str(metadata.get("resourceVersion") or ""),
        fingerprint=fingerprint(report),
        outcomes=parse_outcomes(report),
    )
