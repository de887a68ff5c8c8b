"""ConfigMaps of Navicert's own namespace, in which trust roots' documents are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controller.core.errors import MalformedPolicy, Problem
from controller.wire.policy.nodes import instant

REFRESHED_AT = "navicert.dev/refreshed-at"
"""The annotation that says when the content was last found to be up to date, RFC 3339."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMap:
    """A ConfigMap: `texts` by key, and the time of the last good refresh where something keeps it up to date."""

    name: str
    texts: Mapping[str, str] = field(hash=False)
    refreshed_at: datetime | None = None


def parse_config_map(source: Mapping[str, object]) -> ConfigMap:
    """Read a ConfigMap as the API server gives it; keys whose value is no text are left out.

    Raises MalformedPolicy when it has no name. A time that can't be read is none.
    """
    metadata, content = _object(source.get("metadata")), _object(source.get("data"))
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise MalformedPolicy([Problem(path="metadata.name", message="is required")])
    texts = {key: text for key, text in content.items() if isinstance(text, str)}
    annotated = _object(metadata.get("annotations")).get(REFRESHED_AT)
    return ConfigMap(name=name, texts=texts, refreshed_at=instant(annotated))


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
