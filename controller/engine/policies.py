"""The policy store: objects come and go one by one, reviews see the whole as one immutable snapshot."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.core.errors import MalformedPolicy, Problem
from controller.engine.compiling import Compiled, compile_object
from controller.engine.linking import Snapshot, link
from controller.wire.configmap import ConfigMap, parse_config_map
from controller.wire.policy import KINDS, ObjectName, identify

__all__ = ["PolicyStore", "Snapshot", "compile_object"]

Source = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    revision: tuple[str, str] | None
    compiled: Compiled

    def is_of(self, source: Source) -> bool:
        """Whether it was compiled from this version of its object."""
        return self.revision is not None and self.revision == _revision(source)


class PolicyStore:
    """All objects of the five kinds, each compiled once; what they name is looked up after every change.

    Belongs to one event loop. A snapshot never changes: a review finishes on the one it started with (POL-012).
    """

    def __init__(self) -> None:
        """Start empty, with no kind loaded."""
        self._entries: dict[str, dict[ObjectName, _Entry]] = {kind: {} for kind in KINDS}
        self._prepared: dict[ObjectName, _Entry] = {}
        self._config_maps: dict[str, ConfigMap] = {}
        self._loaded: set[str] = set()
        self._snapshot: Snapshot | None = None

    async def prepare(self, source: Source) -> None:
        """Compile this object in a thread, for `replace` and `apply` to find: a policy that takes long to compile must
        not keep reviews waiting. Nothing else changes. Raises MalformedPolicy as they do."""
        name = identify(source)
        if not self._is_known(name, source):
            self._prepared[name] = await asyncio.to_thread(_compiled, source)

    def replace(self, kind: str, objects: Iterable[Source]) -> None:
        """Put these in place of all objects of this kind, which counts as loaded from now on.

        Raises MalformedPolicy, and changes nothing, when an object can't be told, is of another kind, or is there
        twice. An object that does not compile is no error: it is broken, and guards its scope.
        """
        entries: dict[ObjectName, _Entry] = {}
        for source in objects:
            name = identify(source)
            if name.kind != kind:
                raise MalformedPolicy([Problem(path="kind", message=f"{name} is no {kind}")])
            if name in entries:
                raise MalformedPolicy([Problem(path="metadata.name", message=f"{name} is there twice: remove one")])
            entries[name] = self._entry(name, source)
        self._entries[kind] = entries
        self._loaded.add(kind)
        self._snapshot = None

    def apply(self, source: Source) -> None:
        """Add this object, or put it in place of the one of its name. Raises MalformedPolicy as `replace` does."""
        name = identify(source)
        self._entries[name.kind][name] = self._entry(name, source)
        self._snapshot = None

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Take this object away, if it is there. `namespace` is empty for a cluster-scoped kind."""
        self._entries[kind].pop(ObjectName(kind=kind, namespace=namespace, name=name), None)
        self._snapshot = None

    def replace_config_maps(self, objects: Iterable[Source]) -> None:
        """Take these for all ConfigMaps of Navicert's own namespace; see `apply_config_map`."""
        self._config_maps = {one.name: one for one in map(parse_config_map, objects)}
        self._snapshot = None

    def apply_config_map(self, source: Source) -> None:
        """Take this ConfigMap of Navicert's own namespace as it is now: documents of trust roots are read from them.

        Raises MalformedPolicy when it has no name. Roots whose document is in none that is known are broken.
        """
        config_map = parse_config_map(source)
        self._config_maps[config_map.name] = config_map
        self._snapshot = None

    def remove_config_map(self, name: str) -> None:
        """Take this ConfigMap away, if it is there."""
        self._config_maps.pop(name, None)
        self._snapshot = None

    def current(self) -> Snapshot | None:
        """What is in force now; None until every kind was loaded once, and then everything is refused.

        The first call after a change links, so that a burst of changes costs one link.
        """
        if self._loaded != set(KINDS):
            return None
        if self._snapshot is None:
            entries = (entry for kind in self._entries.values() for entry in kind.values())
            self._snapshot = link((entry.compiled for entry in entries), self._config_maps)
        return self._snapshot

    def _entry(self, name: ObjectName, source: Source) -> _Entry:
        """The entry that is there, or prepared, when it is of the same revision; a newly compiled one otherwise."""
        prepared, known = self._prepared.pop(name, None), self._entries[name.kind].get(name)
        for entry in (known, prepared):
            if entry is not None and entry.is_of(source):
                return entry
        return _compiled(source)

    def _is_known(self, name: ObjectName, source: Source) -> bool:
        known = self._entries[name.kind].get(name)
        return known is not None and known.is_of(source)


def _compiled(source: Source) -> _Entry:
    return _Entry(revision=_revision(source), compiled=compile_object(source))


def _revision(source: Source) -> tuple[str, str] | None:
    """What the API server tells one version of an object from all others by; None outside of a cluster."""
    metadata = source.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    return (uid, version) if isinstance(uid, str) and isinstance(version, str) and uid and version else None
