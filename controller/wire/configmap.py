"""ConfigMaps of Navicert's own namespace, in which trust roots' documents are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.core.errors import MalformedDocument, MalformedPolicy, Problem
from controller.wire.refreshed import RefreshedRoot, parse_refreshed


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMap:
    """A ConfigMap: `texts` by key, and the trusted root that was fetched into it, if that is what it is for."""

    name: str
    texts: Mapping[str, str] = field(hash=False)
    refreshed: RefreshedRoot | None = None


def parse_config_map(source: Mapping[str, object]) -> ConfigMap:
    """Read a ConfigMap as the API server gives it; keys whose value is no text are left out.

    Raises MalformedPolicy when it has no name. What is no whole refreshed root is none.
    """
    metadata, content = _object(source.get("metadata")), _object(source.get("data"))
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise MalformedPolicy([Problem(path="metadata.name", message="is required")])
    texts = {key: text for key, text in content.items() if isinstance(text, str)}
    return ConfigMap(name=name, texts=texts, refreshed=_refreshed(source))


def _refreshed(source: Mapping[str, object]) -> RefreshedRoot | None:
    try:
        return parse_refreshed(source)
    except MalformedDocument:
        return None


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
