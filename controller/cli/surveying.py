"""One look at how Navicert stands in a cluster, through one connection: everything is only read."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from controller.core.errors import ApiServerUnavailable
from controller.core.text import printable
from controller.kube.client import ApiClient, Object, Resource
from controller.kube.connection import Connection
from controller.wire.installation import (
    SELECTOR,
    Configuration,
    ConfigurationKind,
    Installation,
    ObjectStanding,
    Replica,
    count_findings,
    parse_configuration,
    parse_replica,
    parse_standing,
    render_installation,
    status_port,
)
from controller.wire.policy import GROUP, KINDS, VERSION
from controller.wire.report import ReportForm
from controller.wire.reported import MANAGED_BY, SOURCE

_CONFIGURATIONS: Mapping[ConfigurationKind, str] = {
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
}
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"


async def survey(connection: Connection, *, home: str, tell: Callable[[str], None]) -> Installation:
    """How everything stands. `home` is Navicert's namespace; `tell` is told how far it is.

    What these credentials may not read is told as unknown. Raises ApiServerUnavailable where Navicert's own kinds
    can't be listed: then nothing is known.
    """
    async with ApiClient(connection) as client:
        look = _Look(client, home)
        tell("reading policies, builders, roots and exceptions")
        listed = await look.listed()
        tell("reading reports")
        findings = await look.findings()
        tell("asking replicas")
        configurations, replicas = await look.configurations(), await look.replicas()
    return render_installation(look.standings(listed, findings), configurations, replicas, look.unknown)


class _Look:
    """One look; `unknown` gathers what could not be found out."""

    def __init__(self, client: ApiClient, home: str) -> None:
        self._client = client
        self._pods = f"/api/v1/namespaces/{quote(home, safe='')}/pods"
        self.unknown: list[str] = []

    async def listed(self) -> Mapping[str, Sequence[Object]]:
        """Every object of Navicert's kinds."""
        found = {}
        for kind in KINDS.values():
            resource = Resource(kind=kind.name, path=f"/apis/{GROUP}/{VERSION}/{kind.plural}")
            found[kind.name] = (await self._client.list(resource)).objects
        return found

    def standings(
        self, listed: Mapping[str, Sequence[Object]], findings: Mapping[str, Mapping[str, int]] | None
    ) -> list[ObjectStanding]:
        """How each of them stands."""
        return [parse_standing(kind, one, findings) for kind, objects in listed.items() for one in objects]

    async def findings(self) -> Mapping[str, Mapping[str, int]] | None:
        """Those in the reports, counted; None where there are no reports to read."""
        installed = False
        for form in ReportForm:
            resource = Resource(kind=form.kind, path=f"{form.api}/{form.plural}", labels=f"{MANAGED_BY}={SOURCE}")
            try:
                if await self._client.get(form.api) is None:
                    continue
                reports, installed = (await self._client.list(resource)).objects, True
            except ApiServerUnavailable as error:
                self._miss("reports", error)
                continue
            if reports:  # of two forms that are installed one is written
                return count_findings(reports)
        return {} if installed else None

    async def configurations(self) -> list[Configuration]:
        """Both webhook configurations."""
        return [await self._configuration(kind, plural) for kind, plural in _CONFIGURATIONS.items()]

    async def _configuration(self, kind: ConfigurationKind, plural: str) -> Configuration:
        try:
            return parse_configuration(kind, await self._client.get(f"{_ADMISSION}/{plural}/{SOURCE}"))
        except ApiServerUnavailable as error:
            self._miss(kind, error)
            return Configuration(kind=kind, installed=None, webhooks=(), exempt=())

    async def replicas(self) -> list[Replica] | None:
        """Every pod of both programs; None where pods can't be listed."""
        try:
            pods = (await self._client.list(Resource(kind="Pod", path=self._pods, labels=SELECTOR))).objects
        except ApiServerUnavailable as error:
            self._miss("pods", error)
            return None
        found = await asyncio.gather(*(self._replica(one) for one in pods))
        return [one for one in found if one is not None]

    async def _replica(self, pod: Object) -> Replica | None:
        replica = parse_replica(pod, None)
        if replica is None or not replica.ready:
            return replica
        return parse_replica(pod, await self._exposition(pod))

    async def _exposition(self, pod: Object) -> str | None:
        """Its metrics, by way of the API server: who looks reaches no pod."""
        name = str(pod["metadata"]["name"])
        target = quote(f"http:{name}:{status_port(pod) or ''}", safe=":")
        try:
            return await self._client.text(f"{self._pods}/{target}/proxy/metrics")
        except ApiServerUnavailable as error:
            self._miss(f"metrics of {printable(name)}", error)
            return None

    def _miss(self, what: str, error: ApiServerUnavailable) -> None:
        self.unknown.append(f"{what}: {error}")
