"""The labels of namespaces: as watched, and fetched for a namespace so new that the watch has not told of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from controller.core.errors import ApiServerUnavailable

NAME_LABEL = "kubernetes.io/metadata.name"  # the API server puts it on every namespace

Labels = Mapping[str, str]
Object = Mapping[str, Any]


class Namespaces:
    """What is known of namespaces. `fetch` reads one from the API server, and gives None when there is none."""

    def __init__(self, fetch: Callable[[str], Awaitable[Object | None]]) -> None:
        self._fetch = fetch
        self._known: dict[str, Labels] = {}

    def replace(self, objects: Sequence[Object]) -> None:
        """Take these namespaces for all that there are."""
        self._known = {_name(item): _labels(item) for item in objects}

    def apply(self, item: Object) -> None:
        """Take this namespace as it is now."""
        self._known[_name(item)] = _labels(item)

    def remove(self, name: str) -> None:
        """Forget this namespace."""
        self._known.pop(name, None)

    def at_hand(self, name: str) -> Labels | None:
        """The labels of a namespace that the watch has told of. None says nothing: `labels` may find them out."""
        return self._known.get(name)

    async def labels(self, name: str, deadline: float) -> Labels | None:
        """The labels of a namespace, or None when they can't be found out by `deadline` (seconds of the loop's clock).

        None is ignorance: a selector on it errs, and is never skipped (POL-011).
        """
        known = self.at_hand(name)
        if known is not None:
            return known
        try:
            async with asyncio.timeout_at(deadline):
                item = await self._fetch(name)
        except (ApiServerUnavailable, TimeoutError):
            return None
        return _labels(item) if item is not None and _name(item) == name else None


def _name(item: Object) -> str:
    return str(_mapping(item.get("metadata")).get("name") or "")


def _labels(item: Object) -> Labels:
    metadata = _mapping(item.get("metadata"))
    labels = {str(key): str(value) for key, value in _mapping(metadata.get("labels")).items()}
    return labels | {NAME_LABEL: _name(item)}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
