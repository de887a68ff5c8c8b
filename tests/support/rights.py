"""Single rights of the chart's roles: whether an API server grants them yet, and which its audit log shows in use."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.support.chart import NAMESPACE
from tests.support.controlplane import Client
from tests.support.processes import wait_until

# Who asked for what, and by which role it was allowed: nothing of what was sent.
AUDIT_POLICY = f"""\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts:{NAMESPACE}"]
"""
RBAC = "/apis/rbac.authorization.k8s.io/v1"
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


def grant(client: Client, *documents: Document) -> None:
    """Applies these roles and bindings, and returns once what they say is granted."""
    for one in documents:
        namespace = one["metadata"].get("namespace")
        place = f"namespaces/{namespace}/" if namespace else ""
        path = f"{RBAC}/{place}{one['kind'].lower()}s/{one['metadata']['name']}"
        status, body = client.apply(path, one)
        assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body
    wait_granted(client, documents)


def wait_granted(client: Client, documents: Iterable[Document]) -> None:
    """Returns once the API server grants what these roles and bindings say, of which its authorizer learns by watching.

    Raises TimeoutError when it does not.
    """
    present = [*documents]
    roles = {(one["kind"], one["metadata"]["name"]): one for one in present if one["kind"] in ("ClusterRole", "Role")}
    for binding in (one for one in present if one["kind"].endswith("Binding")):
        reference, namespace = binding["roleRef"], binding["metadata"].get("namespace", "")
        for right in {*granted([roles[reference["kind"], reference["name"]]])}:
            for subject in binding["subjects"]:
                account = f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
                wait_until(partial(allowed, client, account, right, namespace))


def allowed(client: Client, user: str, right: Right, namespace: str = "", groups: tuple[str, ...] = ()) -> bool:
    """Whether this user has the right, whatever role he has it by; in all namespaces without one."""
    resource, _, subresource = right.resource.partition("/")
    asked = {"group": right.group, "resource": resource, "subresource": subresource, "verb": right.verb}
    asked |= {"name": right.name, "namespace": namespace}
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": groups, "resourceAttributes": asked},
    }
    status, answer = client.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", question)
    assert status == HTTPStatus.CREATED, answer
    return bool(answer["status"]["allowed"])


def entries(log: Path) -> list[Document]:
    """What the log holds of objects; a line that is being written is left for later."""
    lines = (json.loads(line) for line in log.read_text().rpartition("\n")[0].split("\n") if line)
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
    by = _BY.search(entry.get("annotations", {}).get(_REASON, ""))
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


def within_a_wider_one(right: Right, given: Collection[Right]) -> bool:
    """Whether the account has it for every object besides: the log names that right, and another set shows this one."""
    return bool(right.name) and replace(right, role=f"Cluster{right.role}", name="") in given
