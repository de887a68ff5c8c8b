"""As whom registries are read: as Navicert, or by the Secrets that a workload's own images are pulled with.

Who may not pull an image may not learn of its evidence: so what is read is kept apart by the credentials it was read
with, and a workload is judged by its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from controller.core.errors import DeadlineExceeded, LimitExceeded, NavicertError
from controller.core.evidence import Evidence, Gap
from controller.core.reasons import Reason
from controller.core.text import printable
from controller.core.workload import Workload
from controller.engine.gathering import Access, Gather, GatherRequest
from controller.kube.pullsecrets import PullSecrets
from controller.registry.client import Registry, RegistryClient
from controller.wire.dockerconfig import DockerConfig

MAX_SECRETS = 16  # of one workload
SECRET_SECONDS = 2.0  # for all of them, and never more than half of what the review has left


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """As whom to read for a workload: None is as Navicert itself. `gaps` are the Secrets that could not be had."""

    access: Access | None = None
    gaps: tuple[Gap, ...] = ()

    def qualify(self, evidence: Evidence) -> Evidence:
        """The evidence, with what is missing of it: what nobody shows to strangers may be there all the same."""
        if not self.gaps:
            return evidence
        missing = "; ".join(gap.detail for gap in self.gaps)
        told = (_explained(gap, missing) for gap in evidence.gaps)
        children = tuple(self.qualify(child) for child in evidence.children)
        return replace(evidence, found=True, gaps=(*told, *self.gaps), children=children)


FindAccess = Callable[[Workload, float], Awaitable[Granted]]
"""As whom a workload's images are read, found out by a time of the loop's clock. Raises only what is a bug."""


async def as_navicert(_workload: Workload, _deadline: float) -> Granted:
    """Nobody's own Secrets are looked at."""
    return Granted()


class PullAccess:
    """Finds out by which Secrets a workload is pulled; a `FindAccess`. `opened` reads registries with what they say."""

    def __init__(self, secrets: PullSecrets, opened: Callable[[DockerConfig], Access]) -> None:
        self._secrets, self._opened = secrets, opened

    async def __call__(self, workload: Workload, deadline: float) -> Granted:
        """What could be had within SECRET_SECONDS and half of the time that is left; the rest is a gap."""
        if not (workload.pulled_with.secrets or workload.pulled_with.service_account):
            return Granted()
        now = asyncio.get_running_loop().time()
        until = now + min(SECRET_SECONDS, (deadline - now) / 2)
        try:
            async with asyncio.timeout_at(until):
                names = await self._names(workload)
        except (NavicertError, TimeoutError) as error:
            return Granted(gaps=(_gap(error, f"ServiceAccount {workload.namespace}"),))
        wanted = (self._config(workload.namespace, name, until) for name in names[:MAX_SECRETS])
        found = await asyncio.gather(*wanted)
        gaps = [one for one in found if isinstance(one, Gap)]
        if len(names) > MAX_SECRETS:
            gaps.append(Gap.of(LimitExceeded(f"the workload is pulled with more than {MAX_SECRETS} Secrets")))
        config = DockerConfig.joined([one for one in found if isinstance(one, DockerConfig)])
        return Granted(access=self._opened(config) if config.entries else None, gaps=tuple(gaps))

    async def _names(self, workload: Workload) -> Sequence[str]:
        pulled = workload.pulled_with
        return pulled.secrets or await self._secrets.named_by(workload.namespace, pulled.service_account)

    async def _config(self, namespace: str, name: str, until: float) -> DockerConfig | Gap:
        try:
            async with asyncio.timeout_at(until):
                return await self._secrets.config(namespace, name)
        except (NavicertError, TimeoutError) as error:
            return _gap(error, f"Secret {namespace}/{name}")


def find_access_of(
    client: RegistryClient, secrets: PullSecrets | None, *, observed: Callable[[Registry], Registry]
) -> FindAccess:
    """By the Secrets that workloads are pulled with, through this client; without `secrets` always as Navicert.

    `observed` wraps each registry that is read through.
    """
    if secrets is None:
        return as_navicert

    def opened(config: DockerConfig) -> Access:
        registry = client.beside(config)
        return Access(registry=observed(registry), scope=registry.scope)

    return PullAccess(secrets, opened)


def gathering_as(workload: Workload, gather: Gather, find_access: FindAccess) -> Gather:
    """Gathers as this workload's own pods would pull. Images that cause no request cause no reading of Secrets.

    Where nobody's own Secrets are looked at it is `gather` itself, and what is at hand stays at hand.
    """
    if find_access is as_navicert:
        return gather

    async def gather_as(request: GatherRequest) -> Evidence:
        granted = await find_access(workload, request.deadline)
        return granted.qualify(await gather(replace(request, access=granted.access)))

    return gather_as


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """How evidence is gathered, and as whom for each workload."""

    gather: Gather
    find_access: FindAccess = as_navicert


def _gap(error: NavicertError | TimeoutError, shown: str) -> Gap:
    if isinstance(error, NavicertError):
        return Gap.of(error)
    return Gap.of(DeadlineExceeded(f"{printable(shown)}: the API server did not tell it in time"))


def _explained(gap: Gap, missing: str) -> Gap:
    return replace(gap, detail=f"{gap.detail}; {missing}") if gap.reason is Reason.RegistryDenied else gap
