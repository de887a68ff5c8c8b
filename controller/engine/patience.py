"""Waiting for registries in one look at everything that runs: one that is gone holds up nobody else's results."""

import asyncio
from collections import Counter
from dataclasses import replace

from controller.core.evidence import Evidence
from controller.core.reasons import Reason
from controller.engine.gathering import Gather, GatherRequest

STALLS = 3
STALLED_SECONDS = 0.5


class Patience:
    """A Gather for one look. A host that let the time run out STALLS times has STALLED_SECONDS for each further answer.

    What is at hand of it still comes, and what goes on meanwhile is at hand for the next look. Forgets nothing: a host
    that answers again is waited for as long as any by the next look.
    """

    def __init__(self, gather: Gather) -> None:
        self._gather = gather
        self._stalls = Counter[str]()

    async def __call__(self, request: GatherRequest) -> Evidence:
        """As the gathering itself, sooner."""
        host = request.reference.repository.host
        if self._stalls[host] >= STALLS:
            soon = asyncio.get_running_loop().time() + STALLED_SECONDS
            request = replace(request, deadline=min(request.deadline, soon))
        evidence = await self._gather(request)
        self._stalls[host] += any(gap.reason is Reason.DeadlineExceeded for gap in evidence.gaps)
        return evidence
