"""What a command that judges once goes by: policies from files or from a cluster, read once."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from controller.cli.files import read_policies, read_text
from controller.cli.known import NAMESPACES, Known, from_objects
from controller.cli.kubeconfig import found_kubeconfig
from controller.core.errors import ApiServerUnavailable, MalformedDocument
from controller.engine.policies import Snapshot
from controller.kube.client import ApiClient, Object, Resource
from controller.kube.connection import Connection, from_kubeconfig
from controller.trust.root import compile_sigstore
from controller.wire.policy import GROUP, KINDS, VERSION
from controller.wire.policy.standin import Source, stand_in
from controller.wire.trustedroot import parse_trusted_root

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where policies come from: these files and folders, or else the current context of `kubeconfig` (as KUBECONFIG).

    `own_namespace` is Navicert's, where documents of trust roots are. `trusted_root` stands in for the one of the
    TrustRoot `sigstore`.
    """

    policies: tuple[Path, ...]
    kubeconfig: str | None
    own_namespace: str
    trusted_root: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """Everything in force, and the labels of the one namespace that is asked about; None where they are not known."""

    snapshot: Snapshot
    namespace_labels: Mapping[str, str] | None


async def read_in_force(origin: Origin, namespace: str, *, tell: Tell) -> InForce:
    """Read it. `tell` hears what could not be read and is treated as unknown.

    Raises MalformedDocument for files that can't be read or hold anything else, and ApiServerUnavailable.
    """
    if origin.policies:
        return await in_force(known_from_files(origin.policies, trusted_root=origin.trusted_root), namespace)
    return await in_force(await _from_cluster(origin, namespace, tell), namespace)


def known_from_files(paths: Iterable[Path], *, trusted_root: Path | None) -> Known:
    """What these files and folders hold together. Raises MalformedDocument."""
    document = _trusted_root(trusted_root)
    return from_objects(_with(document, tuple(item for path in paths for item in read_policies(path))))


async def in_force(known: Known, namespace: str) -> InForce:
    """What is in force for workloads of this namespace, of what was read once and completely."""
    snapshot = known.store.current()
    if snapshot is None:
        raise ValueError("every kind was loaded")
    labels = await known.namespaces.labels(namespace, asyncio.get_running_loop().time())
    return InForce(snapshot=snapshot, namespace_labels=labels)


async def _from_cluster(origin: Origin, namespace: str, tell: Tell) -> Known:
    document = _trusted_root(origin.trusted_root)
    async with ApiClient(_connection(origin.kubeconfig)) as client:
        objects: list[Source] = []
        for kind in KINDS.values():
            resource = Resource(kind=kind.name, path=f"/apis/{GROUP}/{VERSION}/{kind.plural}")
            objects += (await client.list(resource)).objects
        found = await _namespace(client, namespace, tell)
        known = from_objects(_with(document, (*objects, *([found] if found else []))))
        known.store.replace_config_maps(await _config_maps(client, origin.own_namespace, tell))
    return known


def _connection(kubeconfig: str | None) -> Connection:
    try:
        return from_kubeconfig(found_kubeconfig(kubeconfig))
    except MalformedDocument as error:
        raise MalformedDocument(f"{error} (--policies needs none)") from error


async def _namespace(client: ApiClient, name: str, tell: Tell) -> Object | None:
    try:
        return await client.get(f"{NAMESPACES.path}/{quote(name, safe='')}")
    except ApiServerUnavailable as error:
        tell(f"the labels of namespace {name} are not known: {error}")
        return None


async def _config_maps(client: ApiClient, namespace: str, tell: Tell) -> tuple[Object, ...]:
    path = f"{NAMESPACES.path}/{quote(namespace, safe='')}/configmaps"
    try:
        return (await client.list(Resource(kind="ConfigMap", path=path))).objects
    except ApiServerUnavailable as error:
        tell(f"trust roots that are kept in ConfigMaps of namespace {namespace} are not known: {error}")
        return ()


def _with(document: str | None, objects: tuple[Source, ...]) -> tuple[Source, ...]:
    return objects if document is None else stand_in(objects, document)


def _trusted_root(file: Path | None) -> str | None:
    """The document's text, once it has been read as one: the user's mistake is told at once."""
    if file is None:
        return None
    text = read_text(file)
    try:
        compile_sigstore(parse_trusted_root(text))
    except MalformedDocument as error:
        raise MalformedDocument(f"{file}: {error}") from error
    return text
