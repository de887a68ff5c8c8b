"""A trusted root as the operator fetched it last, in the ConfigMap through which every process reads it.

Nothing passes between operator and webhook but Kubernetes objects: each replica watches these ConfigMaps, and parses
and hashes what is in them for itself.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from controller.core.errors import MalformedDocument
from controller.wire.policy.kinds import API_VERSION
from controller.wire.policy.nodes import instant
from controller.wire.policy.tuf import TRUSTED_ROOT_CHARACTERS, TufSource

LABEL = "navicert.dev/refreshed-root"
DOCUMENT = "trusted_root.json"
METADATA = ("timestamp.json", "snapshot.json", "targets.json")
MAX_METADATA_CHARACTERS = 512 * 1024  # of the 1 MiB that a ConfigMap may have
_NAME, _SOURCE, _REFRESHED, _HASH = (f"navicert.dev/{key}" for key in ("trust-root", "source", "refreshed", "sha256"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshedRoot:
    """What a good refresh brought. `source` tells from where: of a root that names another source it is nothing.

    `metadata` is the TUF metadata that vouched for it, by file name, kept so that no older one is believed later.
    """

    root: str
    source: str
    document: str
    refreshed: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)

    def stale_at(self, after: timedelta) -> datetime:
        """When this is no longer believed, so long after the last good refresh."""
        return self.refreshed + after


def config_map_name(prefix: str, root: str) -> str:
    """The name of the ConfigMap for the TrustRoot of this name: a hash, because names may be as long as may be."""
    return f"{prefix}-root-{hashlib.sha256(root.encode()).hexdigest()[:32]}"


def source_of(tuf: TufSource) -> str:
    """What tells one source from another: its address, the root of trust and the name of the target."""
    return hashlib.sha256(f"{tuf.url}\n{tuf.target}\n{tuf.root}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which ConfigMap, as of which version (empty: a new one), and the uid of the TrustRoot that it goes with."""

    namespace: str
    name: str
    version: str
    uid: str


def render_refreshed(place: Place, root: RefreshedRoot) -> Mapping[str, Any]:
    """The ConfigMap to be written there. When its TrustRoot is deleted, the cluster deletes it, too."""
    owner = {"apiVersion": API_VERSION, "kind": "TrustRoot", "name": root.root, "uid": place.uid}
    metadata: dict[str, Any] = {
        "name": place.name,
        "namespace": place.namespace,
        "ownerReferences": [owner],
        "labels": {LABEL: "true"},
        "annotations": {
            _NAME: root.root,
            _SOURCE: root.source,
            _REFRESHED: root.refreshed.strftime("%Y-%m-%dT%H:%M:%SZ"),
            _HASH: _hash(root.document),
        },
    }
    if place.version:
        metadata["resourceVersion"] = place.version
    contents = {DOCUMENT: root.document, **root.metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": contents}


def parse_refreshed(config_map: Mapping[str, Any]) -> RefreshedRoot:
    """Read such a ConfigMap; raises MalformedDocument. Does not parse the document, nor look at its age."""
    annotations = _object(_object(config_map.get("metadata")).get("annotations"))
    contents = _object(config_map.get("data"))
    document, refreshed = contents.get(DOCUMENT), instant(annotations.get(_REFRESHED))
    root, source = annotations.get(_NAME), annotations.get(_SOURCE)
    if not isinstance(document, str) or len(document) > TRUSTED_ROOT_CHARACTERS or refreshed is None:
        raise MalformedDocument("the ConfigMap holds no trusted root with the time of its refresh")
    if annotations.get(_HASH) != _hash(document) or not isinstance(root, str) or not isinstance(source, str):
        raise MalformedDocument("the ConfigMap's trusted root is not what was fetched")
    metadata = {name: contents[name] for name in METADATA if isinstance(contents.get(name), str)}
    return RefreshedRoot(root=root, source=source, document=document, refreshed=refreshed, metadata=metadata)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _hash(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()
