"""What `null` means: to a real API server, and to files that lint and the commands read by themselves, the same."""

from collections.abc import Mapping
from http import HTTPStatus

import pytest

from controller.engine.policies import PolicyStore, compile_object
from controller.wire.policy import KINDS, identify
from tests.support.cluster import API, install_kinds
from tests.support.controlplane import Client, ControlPlane
from tests.support.objects import Document, document, policy

PUBLIC: Document = {"publicGood": {}}


def root(sigstore: Document | None = None, **spec: Document | None) -> Document:
    return document("TrustRoot", "null", {"sigstore": {**PUBLIC, **(sigstore or {})}, **spec})


MEANT: Mapping[str, tuple[Document, Document]] = {
    "beside another field": (
        root(require={"sct": None, "signedTimestamp": False}),
        root(require={"signedTimestamp": False}),
    ),
    "for an object": (root(require=None), root()),
    "for a field with a default": (policy(tags=None), policy()),
    "for one of two alternatives": (root({"tuf": None}), root()),
}
REFUSED: Mapping[str, Document] = {
    "all that an object says": root(require={"transparencyLog": None}),
    "what is required": policy(mode=None),
    "all alternatives": document("TrustRoot", "null", {"sigstore": {"publicGood": None}}),
}


@pytest.fixture(scope="module")
def client(controlplane: ControlPlane) -> Client:
    install_kinds(controlplane.client())
    return controlplane.client()


def create(client: Client, source: Document) -> tuple[int, Document]:
    plural = KINDS[source["kind"]].plural
    return client.create(f"{API}/{plural}?fieldValidation=Strict&dryRun=All", source)


def problems(source: Document) -> list[str]:
    """What is wrong with it where it is all that there is."""
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [source] if kind == source["kind"] else [])
    snapshot = store.current()
    assert snapshot is not None
    return [problem.message for problem in snapshot.problems.get(str(identify(source)), ())]


@pytest.mark.parametrize(("written", "meant"), MEANT.values(), ids=MEANT)
def test_a_null_is_a_field_that_is_not_there(client: Client, written: Document, meant: Document) -> None:
    status, body = create(client, written)
    assert status == HTTPStatus.CREATED, body
    kept = {**body, "metadata": written["metadata"]}
    assert compile_object(written) == compile_object(kept) == compile_object(meant)
    assert not problems(written)


@pytest.mark.parametrize("written", REFUSED.values(), ids=REFUSED)
def test_what_says_nothing_without_its_nulls_is_refused_and_broken(client: Client, written: Document) -> None:
    status, body = create(client, written)
    assert status == HTTPStatus.UNPROCESSABLE_ENTITY, body
    assert problems(written)
