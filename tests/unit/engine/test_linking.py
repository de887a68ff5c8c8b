"""What certificates, alternatives, exceptions and documents in ConfigMaps lead to."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest

from controller.core.policy import BrokenPolicy, Policy
from controller.engine.linking import Snapshot
from controller.engine.policies import PolicyStore
from controller.trust.root import PUBLIC_GOOD
from controller.wire.policy import KINDS, UnlinkedKey
from controller.wire.policy.unlinked import TufSource
from controller.wire.refreshed import Place, RefreshedRoot, render_refreshed, source_of
from tests.support import objects
from tests.support.objects import Document, document, exception, named_key, new_pem, policy, root

DOCUMENT = (files("controller.trust") / "data" / PUBLIC_GOOD).read_text()
SIGSTORE = document("TrustRoot", "sigstore", {"sigstore": {"publicGood": {}}})
ACME = root("acme", {"name": "release-2026", "pem": new_pem()}, {"name": "release", "pem": new_pem()})
REUSABLE = document("TrustedBuilder", "github-reusable", objects.BUILDER)
FULL = policy("full", **objects.POLICY)
REFRESHED = datetime(2026, 6, 1, tzinfo=UTC)


def store(*sources: Document, config_maps: tuple[Document, ...] = ()) -> PolicyStore:
    made = PolicyStore()
    for kind in KINDS:
        made.replace(kind, [one for one in sources if one["kind"] == kind])
    made.replace_config_maps(config_maps)
    return made


def linked(*sources: Document, config_maps: tuple[Document, ...] = ()) -> Snapshot:
    found = store(*sources, config_maps=config_maps).current()
    assert found is not None
    return found


def config_map(name: str, texts: Document) -> Document:
    return {"metadata": {"name": name}, "data": texts}


def told(snapshot: Snapshot, name: str) -> dict[str, str]:
    return {one.path: one.message for one in snapshot.problems.get(name, ())}


def waiting(node: object) -> list[UnlinkedKey]:
    """Every key in a compiled object that still waits to be looked up."""
    if isinstance(node, UnlinkedKey):
        return [node]
    if isinstance(node, tuple):
        return [found for item in node for found in waiting(item)]
    inner = [getattr(node, field.name) for field in fields(node)] if is_dataclass(node) else []
    return [found for item in inner for found in waiting(item)]


def test_everything_that_the_api_can_say_is_linked() -> None:
    snapshot = linked(SIGSTORE, ACME, REUSABLE, FULL, exception())
    assert snapshot.problems == {}
    (found,) = snapshot.policies.policies
    assert isinstance(found, Policy)
    assert waiting(found) == []
    assert waiting(tuple(snapshot.policies.builders.values())) == []
    assert found.trust_roots >= {"sigstore", "acme"}
    assert len(snapshot.policies.exceptions) == 1


@pytest.mark.parametrize("missing", ["TrustRoot/sigstore", "TrustRoot/acme", "TrustedBuilder/github-reusable"])
def test_whatever_is_missing_is_told_wherever_it_is_named(missing: str) -> None:
    there = [one for one in (SIGSTORE, ACME, REUSABLE) if f"{one['kind']}/{one['metadata']['name']}" != missing]
    found = told(linked(*there, FULL), "ClusterSLSAPolicy/full")
    named = {path for path, message in found.items() if missing.rpartition("/")[2] in message}
    if missing.startswith("TrustRoot/"):
        places = ("signatures[0]", "sbom", "attestations[0]", "sourceLevel.summaries[0]", "anyOf[0].sbom")
        assert all(any(f"spec.require.{place}.signers" in path for path in named) for place in places)
        assert any(path.startswith("spec.acceptSummaries[0].signers") for path in named)
    else:
        assert named == {"spec.require.builders[0]", "spec.require.anyOf[0].builders[0]"}


def test_a_certificate_needs_a_sigstore_root_and_the_default_one_must_be_there() -> None:
    certificate: Document = {"issuer": "https://i.example", "subject": "**"}
    path = "spec.require.signatures[0].signers[0].certificate.trustRoot"

    def problems(*roots: Document, **entry: str) -> dict[str, str]:
        signers = [{"certificate": {**certificate, **entry}}]
        source = policy(require={"signatures": [{"signers": signers}]})
        return told(linked(*roots, source), "ClusterSLSAPolicy/production")

    assert problems(SIGSTORE) == {}
    assert problems() == {path: "there is no TrustRoot sigstore: apply it, or correct the name"}
    assert "holds keys and certifies nobody" in problems(ACME, trustRoot="acme")[path]


@pytest.mark.case("POL-001")
def test_names_are_looked_up_in_a_policy_that_is_broken_elsewhere_too() -> None:
    inline = {"publicKey": {"pem": "x"}}
    broken = policy(mode="x", require={"builders": ["nope"], "signatures": [{"signers": [named_key(), inline]}]})
    path = "spec.require.signatures[0].signers"
    assert set(told(linked(broken), "ClusterSLSAPolicy/production")) == {
        "spec.mode",
        "spec.require.builders[0]",
        f"{path}[0].publicKey.trustRoot",
        f"{path}[1].publicKey.pem",
    }


def test_names_are_looked_up_in_a_builder_that_is_broken_elsewhere_too() -> None:
    found = told(linked(objects.builder(maxLevel=9)), "TrustedBuilder/reusable")
    assert set(found) == {"spec.maxLevel", "spec.signers[0].publicKey.trustRoot"}


def test_a_broken_alternative_breaks_the_whole_policy() -> None:
    source = policy(require={"anyOf": [{"buildLevel": 1}, {"signatures": [{"signers": [named_key()]}]}]})
    (found,) = linked(source).policies.policies
    assert isinstance(found, BrokenPolicy)
    assert [one.path for one in found.problems] == [
        "spec.require.anyOf[1].signatures[0].signers[0].publicKey.trustRoot"
    ]


@pytest.mark.case("EXC-008")
def test_an_exception_for_a_policy_that_is_not_there_says_so() -> None:
    snapshot = linked(policy("production"), exception())
    assert {name: [one.path for one in found] for name, found in snapshot.warnings.items()} == {
        "SLSAException/legacy": ["spec.policies[1]"]
    }
    assert snapshot.problems == {}
    assert len(snapshot.policies.exceptions) == 1


def test_a_broken_exception_is_told_and_not_in_force() -> None:
    snapshot = linked(exception(reason=""), policy("production"))
    assert set(told(snapshot, "SLSAException/legacy")) == {"spec.reason"}
    assert snapshot.policies.exceptions == ()


TUF: Document = {"url": "https://tuf.example", "root": "{}", "target": "trusted_root.json"}
TUF_ROOT = document("TrustRoot", "private", {"sigstore": {"tuf": TUF}})
KEPT_ROOT = document(
    "TrustRoot", "private", {"sigstore": {"trustedRoot": {"configMapRef": {"name": "root", "key": "root.json"}}}}
)


def fetched(root: str = "private", *, at: datetime = REFRESHED, content: str = DOCUMENT, **tuf: str) -> Document:
    found = RefreshedRoot(root=root, source=source_of(TufSource(**{**TUF, **tuf})), document=content, refreshed=at)
    return dict(render_refreshed(Place(namespace="navicert", name=f"of-{root}", version="", uid="u"), found))


def changed(document: Document, part: str, **values: object) -> Document:
    return {**document, part: {**document[part], **values}}


FRESH = fetched()


def test_a_refreshed_root_goes_stale_thirty_days_after_its_refresh() -> None:
    roots = linked(TUF_ROOT, config_maps=(FRESH,)).roots
    assert roots.roots["private"].stale_at == REFRESHED + timedelta(days=30)
    assert roots.stale(["private"], REFRESHED + timedelta(days=30)) == ()
    assert roots.stale(["private", "nosuch"], REFRESHED + timedelta(days=30, seconds=1)) == ("private",)


def test_a_root_says_itself_when_it_goes_stale() -> None:
    source = document("TrustRoot", "private", {"sigstore": {"tuf": TUF}, "staleAfter": "48h"})
    assert linked(source, config_maps=(FRESH,)).roots.roots["private"].stale_at == REFRESHED + timedelta(days=2)


def test_a_refresh_alone_changes_nothing_of_what_is_verified() -> None:
    later = fetched(at=REFRESHED + timedelta(days=1))
    before, after = (linked(TUF_ROOT, config_maps=(one,)).roots for one in (FRESH, later))
    assert before.revision == after.revision
    assert before.roots["private"].stale_at != after.roots["private"].stale_at


def test_keys_whose_times_a_stale_root_tells_are_stale_too() -> None:
    keys = document("TrustRoot", "acme", {**ACME["spec"], "timeRoot": "private"})
    roots = linked(TUF_ROOT, keys, config_maps=(FRESH,)).roots
    assert roots.stale(["acme"], REFRESHED + timedelta(days=31)) == ("private",)


@pytest.mark.parametrize(
    "config_maps",
    [
        (),
        (changed(FRESH, "metadata", annotations={}),),
        (changed(FRESH, "data", **{"trusted_root.json": DOCUMENT + " "}),),
        (changed(FRESH, "data", **{"trusted_root.json": None}),),
        (fetched(content="{"),),
        (fetched("other"),),
        (fetched(url="https://other.example"),),
        (config_map("of-private", {"trusted_root.json": DOCUMENT}),),
    ],
    ids=["none", "no time", "another document", "no document", "unreadable", "other root", "elsewhere", "not fetched"],
)
def test_a_root_that_was_not_refreshed_yet_is_broken(config_maps: tuple[Document, ...]) -> None:
    snapshot = linked(TUF_ROOT, config_maps=config_maps)
    assert set(told(snapshot, "TrustRoot/private")) == {"spec.sigstore.tuf"}
    assert snapshot.roots.roots == {}


def test_a_root_kept_by_its_owner_never_goes_stale_by_itself() -> None:
    kept = linked(KEPT_ROOT, config_maps=(config_map("root", {"root.json": DOCUMENT}),))
    assert kept.problems == {}
    assert kept.roots.roots["private"].stale_at is None
    assert "no ConfigMap root" in told(linked(KEPT_ROOT), "TrustRoot/private")["spec.sigstore.trustedRoot.configMapRef"]
    other = linked(KEPT_ROOT, config_maps=(config_map("root", {"a": DOCUMENT}),))
    assert "it has a" in told(other, "TrustRoot/private")["spec.sigstore.trustedRoot.configMapRef"]


def test_only_a_root_that_is_refreshed_can_go_stale() -> None:
    asking = changed(KEPT_ROOT, "spec", staleAfter="24h")
    kept = linked(asking, config_maps=(config_map("root", {"root.json": DOCUMENT}),))
    assert set(told(kept, "TrustRoot/private")) == {"spec.staleAfter"}


def test_config_maps_come_and_go() -> None:
    made = store(TUF_ROOT)
    made.apply_config_map(FRESH)
    there = made.current()
    assert there is not None
    assert there.problems == {}
    made.remove_config_map("of-private")
    gone = made.current()
    assert gone is not None
    assert set(gone.problems) == {"TrustRoot/private"}
