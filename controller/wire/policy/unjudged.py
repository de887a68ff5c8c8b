"""Fields of the API that this version does not judge: an object that uses one is broken, never silently weaker."""

from collections.abc import Iterator, Mapping

from controller.core.errors import Problem
from controller.wire.policy.nodes import Fields

MESSAGE = "this version does not judge it yet: remove it"
NOT_HONOURED = "this version honours no exceptions yet: it has no effect"

_REQUIREMENT = (
    "require.anyOf",
    "require.sourceLevel",
    "require.build",
    "require.sbom",
    "require.attestations",
    "require.dependencies",
    "require.sources[].entryPoints",
    "require.sources[].triggers",
    "require.sources[].repositoryIDs",
    "require.sources[].ownerIDs",
    "require.signatures[].signers[].certificate",
    "acceptSummaries",
)

UNJUDGED: Mapping[str, tuple[str, ...]] = {
    "ClusterSLSAPolicy": _REQUIREMENT,
    "SLSAPolicy": _REQUIREMENT,
    "TrustedBuilder": (
        "signers[].certificate",
        "minimumVersion",
        "runnerEnvironments",
        "triggers",
        "recordsDependencies",
        "revoked",
    ),
    "TrustRoot": ("sigstore.trustedRoot.configMapRef", "sigstore.tuf", "staleAfter"),
    "SLSAException": ("policies",),
}


def unjudged(kind: str, spec: Fields) -> Iterator[Problem]:
    """A problem for each field of the spec that this version does not judge. False asks nothing."""
    for field in UNJUDGED[kind]:
        for path, value in _found(spec, field.split("."), "spec"):
            if value is not None and value is not False:
                yield Problem(path=path, message=NOT_HONOURED if kind == "SLSAException" else MESSAGE)


def _found(node: object, steps: list[str], path: str) -> Iterator[tuple[str, object]]:
    if not steps:
        yield path, node
        return
    name = steps[0].removesuffix("[]")
    value = node.get(name) if isinstance(node, dict) else None
    if name == steps[0]:
        yield from _found(value, steps[1:], f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _found(item, steps[1:], f"{path}.{name}[{index}]")
