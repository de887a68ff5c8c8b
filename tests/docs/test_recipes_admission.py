"""The cookbook through the real admission: an API server asks the webhook about pods whose images are in a registry.

The recipes are applied as they are printed, one at a time, with the registry's address for that of their images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest

from controller.core.image import Digest
from controller.wire.candidate import Candidate, Container
from controller.wire.policy import KINDS
from tests.docs.images import DENIED, EXCUSED, Making
from tests.docs.pairs import PAIRS, Image
from tests.docs.test_cookbook import RECIPES, everything_believed, written
from tests.support.admitting import register
from tests.support.cluster import API, NAMESPACE, install_kinds, plain_registries, service_account
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.foundry import BUNDLE_V03, SIMPLE_SIGNING_TYPE
from tests.support.layouts import EMPTY_TYPE
from tests.support.processes import wait_until
from tests.support.registries import MANIFEST_TYPE, Kind, Pushed, Registry
from tests.support.webhook import Webhook

STATEMENT_TYPE = "application/vnd.in-toto+json"
# Whole names of images on the page; what images were built from is only ever a name.
HOSTS = re.compile(
    r"(?<![\w./-])(ghcr\.io(?=/acme/)|registry\.gitlab\.com|europe-docker\.pkg\.dev|registry\.(?:acme|vendor)\.example"
    r"|mirror\.acme\.example)(?=/)"
)

pytestmark = pytest.mark.apiserver
_content = count()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A control plane with Navicert in it that believes what every recipe does, and a registry."""

    client: Client
    webhook: Webhook
    registry: Registry

    def named(self, text: str) -> str:
        """With the address of the registry for the hosts of the page."""
        return HOSTS.sub(self.registry.host, text)

    def create_pod(self, image: str) -> Answer:
        spec = {"containers": [{"name": "web", "image": image}]}
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}, "spec": spec}
        return self.client.create(f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", document)

    def pushed(self, image: Image) -> str:
        """The image's name in the registry, once it is there with what is attached to it."""
        name = self.named(image.repository)
        if image.digest == DENIED:
            return f"{name}@{image.digest}"  # decided without a look at it
        content = f"image {next(_content)}".encode()
        pushed = self.registry.push_image(name.partition("/")[2], content=content)
        making = Making(subject=Digest.parse(pushed.digest), named=self.named)
        signatures = [one for one in image.evidence(making) if one.container is Container.SIMPLE_SIGNING]
        if signatures:
            self.attach(pushed, *signatures, tag=f"{pushed.digest.replace(':', '-')}.sig")
        for one in image.evidence(making):
            if one.container is not Container.SIMPLE_SIGNING:
                self.attach(pushed, one, subject=pushed.descriptor(), artifactType=_media_type(one))
        return pushed.reference

    def attach(self, image: Pushed, *candidates: Candidate, tag: str | None = None, **fields: Any) -> None:
        layers = [
            self.registry.push_blob(image.repository, one.content, _media_type(one))
            | {"annotations": dict(one.annotations)}
            for one in candidates
        ]
        config = self.registry.push_blob(image.repository, b"{}", EMPTY_TYPE)
        document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers, **fields}
        self.registry.push_manifest(image.repository, document, tag)

    def apply(self, document: Mapping[str, Any]) -> None:
        status, body = self.client.apply(_path(document), document)
        assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body

    @contextmanager
    def applied(self, recipe: str, good: str) -> Iterator[str]:
        """The recipe in force, about this good image where it names one; gives the name of its policy."""
        text = RECIPES[recipe].replace(str(EXCUSED), good.rpartition("@")[2])
        objects = written(self.named(text), recipe)
        for one in objects:
            self.apply(one)
        try:
            (policy,) = (one["metadata"]["name"] for one in objects if one["kind"] == "ClusterSLSAPolicy")
            yield f"ClusterSLSAPolicy/{policy}"
        finally:
            for one in objects:
                self.client.delete(_path(one))


def _path(document: Mapping[str, Any]) -> str:
    return f"{API}/{KINDS[document['kind']].plural}/{document['metadata']['name']}"


def _media_type(candidate: Candidate) -> str:
    types = {Container.SIMPLE_SIGNING: SIMPLE_SIGNING_TYPE, Container.STATEMENT: STATEMENT_TYPE}
    return types.get(candidate.container, BUNDLE_V03)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("recipes")
    with ControlPlane(folder / "plane") as plane, Registry(Kind.REFERRERS, folder / "registry") as registry:
        client = plane.client()
        install_kinds(client)
        plane.create_namespace(NAMESPACE)
        registries = plain_registries(folder, registry.host)
        arguments = ("--kubeconfig", service_account(plane), "--registries", registries)
        with Webhook(folder / "webhook", *arguments) as webhook:
            webhook.wait_synced()
            register(client, webhook.admission, webhook.ca)
            running = Cluster(client=client, webhook=webhook, registry=registry)
            for one in everything_believed():
                running.apply(one)
            yield running


def refused(cluster: Cluster, image: str, *words: str) -> bool:
    status, body = cluster.create_pod(image)
    return status == HTTPStatus.FORBIDDEN and all(word in body["message"] for word in words)


def still_refused(cluster: Cluster, image: str, *words: str) -> bool:
    """As `refused`, of an image that is to be admitted no more: a review may be late, and say something else."""
    status, body = cluster.create_pod(image)
    assert status != HTTPStatus.CREATED, body
    return status == HTTPStatus.FORBIDDEN and all(word in body["message"] for word in words)


def admitted(cluster: Cluster, image: str) -> bool:
    return cluster.create_pod(image)[0] == HTTPStatus.CREATED


def told(cluster: Cluster, image: str, reason: str) -> bool:
    """Whether the pod is admitted, and the decision log says that an Audit policy would have refused it."""
    about = (str(line) for line in cluster.webhook.reviews() if image in str(line))
    return admitted(cluster, image) and any(reason in line for line in about)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_pod_of_the_bad_image_is_refused_and_one_of_the_good_image_created(cluster: Cluster, recipe: str) -> None:
    pair = PAIRS[recipe]
    bad, good = cluster.pushed(pair.bad), cluster.pushed(pair.good)
    with cluster.applied(recipe, good) as policy:
        seen = (
            partial(told, cluster, bad, pair.reason.name)
            if pair.told
            else partial(refused, cluster, bad, policy, pair.reason.name)
        )
        wait_until(seen)
        wait_until(lambda: admitted(cluster, good))
        wait_until(lambda: pair.told or still_refused(cluster, bad, policy, pair.reason.name))
