from pathlib import Path

from controller.core.policy import BrokenPolicy, Mode, Policy
from controller.demo.certificates import ServerIdentity
from controller.demo.folder import DemoFolder, shipped_policies
from controller.demo.samples import SampleKeys
from controller.engine.policies import PolicyStore, Snapshot
from controller.wire.policy import KINDS
from controller.wire.policy.files import parse_objects


def load(folder: Path) -> Snapshot:
    objects = [found for file in sorted(folder.glob("*.yaml")) for found in parse_objects(file.read_text(), file.name)]
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [found for found in objects if found["kind"] == kind])
    snapshot = store.current()
    assert snapshot is not None
    return snapshot


def test_filled_in_policies_all_compile(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    folder.write_policies(SampleKeys.generate().trusted(), registry="127.0.0.1:1", mirror="127.0.0.1:2")
    snapshot = load(folder.policies)
    assert not snapshot.problems
    assert all(isinstance(policy, Policy) for policy in snapshot.policies.policies)
    assert {policy.mode for policy in snapshot.policies.policies} == set(Mode)
    assert sorted(snapshot.roots.roots) == ["acme"]


def test_nothing_is_left_to_fill_in(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    folder.write_policies(SampleKeys.generate().trusted(), registry="127.0.0.1:1", mirror="127.0.0.1:2")
    fields = [line.partition("#")[0] for file in folder.policies.iterdir() for line in file.read_text().splitlines()]
    assert not [line for line in fields if "FILL-IN" in line or "registry.example" in line or "mirror.example" in line]


def test_policies_that_were_not_filled_in_are_broken_and_say_where() -> None:
    snapshot = load(shipped_policies())
    problems = snapshot.problems["TrustRoot/acme"]
    assert [problem.path for problem in problems] == [f"spec.keys[{number}].pem" for number in range(3)]
    assert "SLSAPolicy/payments/released" in snapshot.problems


def test_private_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    folder.write_identity(ServerIdentity(authority=b"a", certificate=b"c", key=b"k"))
    assert folder.key.stat().st_mode & 0o077 == 0
    assert folder.key.read_bytes() == b"k"


def test_release_policy_that_was_not_filled_in_guards_all_that_it_matches() -> None:
    (released,) = (policy for policy in load(shipped_policies()).policies.policies if policy.name.name == "released")
    assert isinstance(released, BrokenPolicy)
    assert (released.mode, released.match.namespace) == (Mode.ENFORCE, "payments")
    assert [str(glob) for glob in released.match.images] == ["registry.example/acme/*"]
