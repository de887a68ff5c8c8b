"""What it costs to have policies in force: compiling and linking them, and the memory that they keep."""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, run
from typing import Any

from controller.engine.policies import PolicyStore
from controller.wire.policy import KINDS

POLICIES = 1_000
MIB = 1 << 20
GITHUB = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, kw_only=True)
class Held:
    """What having these policies in force took: seconds of the processor and of the clock, MiB with what was read."""

    name: str
    processor: float
    clock: float
    mebibytes: float

    def __str__(self) -> str:
        return (
            f"{self.name:<52} {self.processor:11.2f} s    of CPU, {self.clock:.2f} s by the clock, "
            f"{self.mebibytes:.0f} MiB"
        )


def measure() -> Iterator[Held]:
    """Each in a process of its own, because the memory of another would count for it."""
    for name, conditions in (("usual ones", 0), ("usual ones, each with a condition of CEL", 1)):
        said = run([sys.executable, "-m", "tests.bench.compiling", str(conditions)], stdout=PIPE, check=True).stdout
        yield Held(name=f"{POLICIES:,} {name}", **json.loads(said))


def usual(number: int, *, conditions: int) -> dict[str, Any]:
    """A team's policy: its images, from its sources, by the builder, with a signature, an SBOM and a scan."""
    workflow = f"https://github.com/team-{number}/ci/.github/workflows/scan.yml@refs/heads/main"
    scanner = [{"certificate": {"issuer": GITHUB, "subject": workflow}}]
    condition = {"name": "none-critical", "expression": f"!has(predicate.critical) || predicate.critical < {number}"}
    scan: dict[str, Any] = {"predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1", "signers": scanner}
    require = {
        "buildLevel": 3,
        "builders": ["reusable"],
        "sources": [
            {"repositories": [f"https://github.com/team-{number}/{{1}}"], "refs": ["refs/heads/main", "refs/tags/v*"]}
        ],
        "signatures": [{"signers": scanner}],
        "sbom": {"formats": ["SPDX", "CycloneDX"]},
        "attestations": [scan | {"maxAge": "168h"} | ({"conditions": [condition]} if conditions else {})],
    }
    match = {"namespaces": {"names": [f"team-{number}-*"]}, "images": [f"ghcr.io/team-{number}/*"]}
    return _object("ClusterSLSAPolicy", f"team-{number}", {"mode": "Enforce", "match": match, "require": require})


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "navicert.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _held(conditions: int) -> dict[str, float]:
    signer = {
        "certificate": {"issuer": GITHUB, "subject": "https://github.com/acme/ci/.github/workflows/*@refs/tags/v*"}
    }
    builder = {"maxLevel": 3, "signers": [signer], "builderID": "SameAsSigner"}
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [])
    store.replace("TrustRoot", [_object("TrustRoot", "sigstore", {"sigstore": {"publicGood": {}}})])
    store.replace("TrustedBuilder", [_object("TrustedBuilder", "reusable", builder)])
    _in_force(store)  # what is there without any policy does not count
    before = _resident()
    written = [usual(number, conditions=conditions) for number in range(POLICIES)]
    processor, clock = time.process_time(), time.perf_counter()
    store.replace("ClusterSLSAPolicy", written)
    if len(_in_force(store)) != POLICIES:
        raise AssertionError("the benchmark must measure policies that compile")
    spent, passed = time.process_time() - processor, time.perf_counter() - clock
    return {"processor": spent, "clock": passed, "mebibytes": (_resident() - before) / MIB}


def _in_force(store: PolicyStore) -> tuple[object, ...]:
    snapshot = store.current()
    if snapshot is None or snapshot.problems:
        raise AssertionError(f"the benchmark must measure sound policies: {snapshot and snapshot.problems}")
    return snapshot.policies.policies


def _resident() -> int:
    """Bytes of memory that this process has, as Linux counts them."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    print(json.dumps(_held(int(sys.argv[1]))))
