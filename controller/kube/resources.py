"""What the API server keeps, and how it tells of it: collections, pages of them, and events."""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

from controller.kube.documents import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A collection over all namespaces, or those of it that `labels` selects. `path` is its path on the server."""

    kind: str
    path: str
    labels: str = ""


def config_maps(namespace: str) -> Resource:
    """The ConfigMaps of one namespace."""
    return Resource(kind="ConfigMap", path=f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A whole collection, or a page of it, as of one resource version."""

    objects: tuple[Object, ...]
    version: str


class EventType(Enum):
    """What a watch tells. A bookmark only moves the resource version."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a watch and the resource version after it."""

    type: EventType
    object: Object
    version: str
