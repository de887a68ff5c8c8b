"""Single rights of the chart's roles, and which of them an API server's audit log shows being used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.support.chart import NAMESPACE

# Who asked for what, and by which role it was allowed: nothing of what was sent.
AUDIT_POLICY = f"""\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts:{NAMESPACE}"]
"""
_REASON = "authorization.k8s.io/reason"
_BY = re.compile(r' of (?P<kind>ClusterRole|Role) "(?P<role>[^"]+)" to ')

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True, order=True)
class Right:
    """One verb on one resource in one role, for objects of one name or (empty) of any."""

    role: str
    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        name = f" {self.name}" if self.name else ""
        return f"{self.role}: {self.verb} {self.resource}.{self.group or 'core'}{name}"


def granted(documents: Iterable[Document]) -> list[Right]:
    """Every right of every role among these objects, as often as it is given."""
    return [
        Right(role=f"{one['kind']}/{one['metadata']['name']}", group=group, resource=resource, verb=verb, name=name)
        for one in documents
        if one["kind"] in ("ClusterRole", "Role")
        for rule in one["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    ]


def entries(log: Path) -> list[Document]:
    """What the log holds of objects; a line that is being written is left for later."""
    lines = (json.loads(line) for line in log.read_text().splitlines() if line.endswith("}"))
    return [one for one in lines if "objectRef" in one]


def forbidden(log: Path) -> set[str]:
    """What was asked for and not allowed."""
    refused = (one for one in entries(log) if one["responseStatus"]["code"] == HTTPStatus.FORBIDDEN)
    return {f"{one['user']['username']}: {one['verb']} {one['requestURI']}" for one in refused}


def used(log: Path, rights: Iterable[Right]) -> set[Right]:
    """Those of these rights that something was allowed by."""
    known = set(rights)
    return {right for one in entries(log) for right in _asked(one) if right in known}


def _asked(entry: Document) -> Iterator[Right]:
    """The right that a request needs: of this very name, or of any. An apply that made the object needs another."""
    by = _BY.search(entry["annotations"].get(_REASON, ""))
    if by is None:
        return
    about = entry["objectRef"]
    resource = about["resource"] + (f"/{about['subresource']}" if "subresource" in about else "")
    created = entry["verb"] == "patch" and entry["responseStatus"]["code"] == HTTPStatus.CREATED
    for verb in (entry["verb"], *(["create"] if created else [])):
        for name in {"", about.get("name", "")}:
            yield Right(
                role=f"{by['kind']}/{by['role']}",
                group=about.get("apiGroup", ""),
                resource=resource,
                verb=verb,
                name=name,
            )
