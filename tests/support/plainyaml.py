"""YAML of our own files, read by libyaml: large ones, as kinds are, take a tenth of the time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

CRDS = Path(__file__).resolve().parents[2] / "charts" / "navicert" / "crds"


def read_yaml(text: str) -> Any:
    """The one document in this text."""
    return yaml.load(text, yaml.CSafeLoader)


def read_documents(text: str) -> list[Any]:
    """Every document in this text that is not empty."""
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


@cache
def kinds() -> tuple[dict[str, Any], ...]:
    """The definition of every kind that the chart brings; not to be changed."""
    return tuple(read_yaml(path.read_text()) for path in sorted(CRDS.glob("*.yaml")))
