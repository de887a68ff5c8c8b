"""Telling what is broken: an object that guards its scope, or speaks for nobody, is named with its problems."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from controller.core.errors import Problem
from controller.engine.policies import Snapshot

_log = logging.getLogger(__name__)
_SECONDS = 1.0


class Announcer:
    """Logs each object once for each set of problems that it has, and once more when it is sound again."""

    def __init__(self, snapshot: Callable[[], Snapshot | None], count: Callable[[Mapping[str, int]], None]) -> None:
        """`count` is told how many objects of each kind are broken whenever that may have changed."""
        self._snapshot = snapshot
        self._count = count
        self._seen: Snapshot | None = None
        self._told: Mapping[str, tuple[Problem, ...]] = {}

    def announce(self) -> None:
        """Tell what changed since the last time; nothing before everything is loaded."""
        snapshot = self._snapshot()
        if snapshot is None or snapshot is self._seen:
            return
        for name, problems in sorted(snapshot.problems.items()):
            if self._told.get(name) != problems:
                _log.warning("broken object", extra={"object": name, "problems": [str(one) for one in problems]})
        for name in sorted(self._told.keys() - snapshot.problems.keys()):
            _log.info("object sound again, or gone", extra={"object": name})
        self._seen, self._told = snapshot, snapshot.problems
        kinds = [name.partition("/")[0] for name in snapshot.problems]
        self._count({kind: kinds.count(kind) for kind in kinds})

    async def run(self) -> None:
        """Announce until cancelled. Objects are linked here at the latest, so that reviews rarely wait for it."""
        while True:
            self.announce()
            await asyncio.sleep(_SECONDS)
