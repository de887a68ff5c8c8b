"""The five kinds of the API and how objects of them are named."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.errors import MalformedPolicy, Problem
from controller.core.text import printable
from controller.wire.policy.builder import BuilderSpec
from controller.wire.policy.exception import ExceptionSpec
from controller.wire.policy.nodes import Node
from controller.wire.policy.policy import NamespacedPolicySpec, PolicySpec
from controller.wire.policy.root import RootSpec

GROUP = "navicert.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME_CHARACTERS = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of the API: its names in the API server, its scope and the model of its spec."""

    name: str
    plural: str
    short: str
    namespaced: bool
    spec: type[Node]


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(name="ClusterSLSAPolicy", plural="clusterslsapolicies", short="cslsa", namespaced=False, spec=PolicySpec),
        Kind(name="SLSAPolicy", plural="slsapolicies", short="slsa", namespaced=True, spec=NamespacedPolicySpec),
        Kind(name="TrustedBuilder", plural="trustedbuilders", short="tbuilder", namespaced=False, spec=BuilderSpec),
        Kind(name="TrustRoot", plural="trustroots", short="troot", namespaced=False, spec=RootSpec),
        Kind(name="SLSAException", plural="slsaexceptions", short="slsaex", namespaced=False, spec=ExceptionSpec),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ObjectName:
    """Which object: `namespace` is empty for a cluster-scoped one."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        inside = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind}/{inside}{self.name}"


def identify(source: Mapping[str, object]) -> ObjectName:
    """Which object this is. Raises MalformedPolicy where it can't be told or is none of our kinds and version."""
    kind = KINDS.get(str(source.get("kind")))
    if kind is None:
        raise _malformed("kind", f"must be one of {', '.join(KINDS)}")
    if source.get("apiVersion") != API_VERSION:
        raise _malformed("apiVersion", f"must be {API_VERSION}")
    metadata = source.get("metadata")
    if not isinstance(metadata, Mapping):
        raise _malformed("metadata", "must be an object with a name")
    name, namespace = metadata.get("name"), metadata.get("namespace") or ""
    if not isinstance(name, str) or len(name) > _NAME_CHARACTERS or not _NAME.fullmatch(name):
        raise _malformed("metadata.name", "must be a DNS name in lower case")
    if kind.namespaced and not (isinstance(namespace, str) and _NAMESPACE.fullmatch(namespace)):
        raise _malformed("metadata.namespace", f"{kind.name} {printable(name)} must name its namespace")
    if not kind.namespaced and namespace:
        raise _malformed("metadata.namespace", f"{kind.name} {printable(name)} belongs to no namespace: remove it")
    return ObjectName(kind=kind.name, namespace=str(namespace), name=name)


def _malformed(path: str, message: str) -> MalformedPolicy:
    return MalformedPolicy([Problem(path=path, message=message)])
