"""The structural schema of `status`, which Navicert alone writes."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_CONDITION: Schema = {
    "type": "object",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
        "type": {"type": "string", "minLength": 1, "maxLength": 63},
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "reason": {"type": "string", "minLength": 1, "maxLength": 63},
        "message": {"type": "string", "maxLength": 32768},
        "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
        "lastTransitionTime": {"type": "string", "format": "date-time"},
    },
}
_CONDITIONS: Schema = {
    "type": "array",
    "maxItems": 8,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
    "items": _CONDITION,
}


def _count(description: str) -> Schema:
    return {"type": "integer", "format": "int32", "minimum": 0, "description": description}


def _time(description: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": description}


_OF_KIND: Mapping[str, Schema] = {
    "TrustRoot": {
        "certificateAuthorities": _count("How many certificate authorities it holds."),
        "transparencyLogs": _count("How many transparency logs it holds."),
        "ctLogs": _count("How many certificate transparency logs it holds."),
        "timestampAuthorities": _count("How many timestamping authorities it holds."),
        "keys": _count("How many keys it holds."),
        "revision": {"type": "string", "maxLength": 64, "description": "Changes with what it verifies."},
        "lastRefresh": _time("When it was last refreshed well."),
        "staleAt": _time("From when on it is no longer believed, unless it is refreshed before."),
    },
}


def status_schema(kind: str) -> Schema:
    """The schema of this kind's status."""
    properties = {"conditions": _CONDITIONS, **_OF_KIND.get(kind, {})}
    return {"type": "object", "description": "What Navicert makes of this object.", "properties": properties}
