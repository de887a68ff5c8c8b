"""The members of what conditions look at, where the list of them is closed.

None stands for what is open: the predicate, parameters, labels and digests, whose members somebody else names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from controller.expressions.extensions import EXTENSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """A value with these members and no others; `name` is how it is told."""

    name: str
    members: Mapping[str, "Shape"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list of such values."""

    name: str
    item: Members


Shape: TypeAlias = Members | Items | None


def _members(name: str, *plain: str, **further: Shape) -> Members:
    """Members that are texts or open, and those that have a shape of their own."""
    return Members(name=name, members={**dict.fromkeys(plain), **further})


_SOURCE = ("repository", "ref", "commit", "entryPoint", "trigger", "repositoryID", "ownerID")
_DEPENDENCY = _members("an item of provenance.dependencies", "uri", "digests")

CLOSED: Mapping[str, Shape] = {
    "provenance": _members(
        "provenance",
        "builderID",
        "buildType",
        "externalParameters",
        "runnerEnvironment",
        "invocationID",
        source=_members("provenance.source", *_SOURCE),
        dependencies=Items(name="provenance.dependencies", item=_DEPENDENCY),
    ),
    "statement": _members(
        "statement",
        "predicateType",
        "kind",
        "digest",
        "signedAt",
        signer=_members("statement.signer", "trustRoot", "key", "name", "issuer", "subject"),
    ),
    "certificate": _members(
        "certificate",
        "issuer",
        "subject",
        "subjectType",
        extensions=_members("certificate.extensions", *EXTENSIONS),
    ),
    "image": _members("image", "reference", "repository", "registry", "tag", "digest"),
    "workload": _members("workload", "kind", "namespace", "name", "labels"),
}
"""The variables whose members are known."""
