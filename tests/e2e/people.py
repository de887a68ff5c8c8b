"""People of a cluster, and what its own roles (`view`, `edit`, `admin`) let them do to Navicert's kinds."""

from __future__ import annotations

from typing import Any, Self

from tests.support.controlplane import Client

RBAC = "rbac.authorization.k8s.io"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


class Person:
    """Somebody who has one of these roles for as long as the context lasts: in one namespace, or everywhere."""

    def __init__(self, client: Client, role: str, namespace: str | None = None) -> None:
        self._client, self._role, self._namespace = client, role, namespace
        self._user = f"e2e-{role}-{namespace or 'everywhere'}"
        kind, within = ("RoleBinding", f"/namespaces/{namespace}") if namespace else ("ClusterRoleBinding", "")
        self._path = f"/apis/{RBAC}/v1{within}/{kind.lower()}s/{self._user}"
        self._binding = {
            "apiVersion": f"{RBAC}/v1",
            "kind": kind,
            "metadata": {"name": self._user},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": self._user}],
        }

    def __enter__(self) -> Self:
        status, body = self._client.apply(self._path, self._binding)
        assert status == 201, body
        return self

    def __exit__(self, *_: object) -> None:
        self._client.delete(self._path)

    def may(self, verb: str, resource: str, namespace: str = "") -> bool:
        """Without a namespace: in all of them, or to objects that are in none."""
        attributes = {"verb": verb, "resource": resource, "namespace": namespace, "group": "navicert.dev"}
        review: dict[str, Any] = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": self._user, "resourceAttributes": attributes},
        }
        _, body = self._client.create(REVIEWS, review)
        return bool(body["status"]["allowed"])
