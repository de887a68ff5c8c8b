"""Candidates made to cost: each judged in a process of its own, which tells what it took.

python -m tests.support.hostile SHAPE       prints seconds of processor time, and MiB above what the process had
python -m tests.support.hostile SHAPE cli   the same of `navicert verify-bundle`, with its exit code
python -m tests.support.hostile file PATH   the same where the bundle is this file
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.cli.main import run as run_program
from controller.trust.root import TrustRoots
from controller.trust.verify import judge_candidate
from controller.wire.candidate import Candidate
from tests.support.authority import IDENTITY, ISSUER, Submission
from tests.support.bundles import CHAIN, Json, Order, make, order, pem
from tests.support.certificates import extension
from tests.support.forms import FORMS
from tests.support.foundry import Foundry, encode, statement
from tests.support.instance import JUDGED, STAMPED, acme
from tests.support.judging import SUBJECT
from tests.support.rooting import roots_for
from tests.support.tsa import Stamp

Case = tuple[Candidate, TrustRoots]
FOUNDRY = Foundry()
PAYLOAD = FOUNDRY.provenance(SUBJECT)
MANY = 33  # one more than a bundle may have of timestamps and log entries


def _keyed(payload: bytes) -> Case:
    return FOUNDRY.bundle_layer(payload).candidate(), FOUNDRY.roots


def _with_member(member: bytes) -> Case:
    return _keyed(PAYLOAD.removesuffix(b"}") + b',"x":' + member + b"}")


def _listed(item: bytes, times: int) -> Case:
    return _with_member(b"[" + b",".join([item] * times) + b"]")


def _subjects(count: int) -> Case:
    return _keyed(encode(statement(*({"digest": {"sha256": f"{n:064x}"}} for n in range(count)), predicate={})))


def _ordered(change: Callable[[Order], None], form: str = "v0.3 dsse stamped", payload: bytes = PAYLOAD) -> Case:
    wanted = order(FORMS[form], payload)
    change(wanted)
    return make(wanted).candidate(), roots_for(wanted)


def _sound(_: Order) -> None:
    """As it is."""


def _timestamps(count: int) -> Callable[[Order], None]:
    def change(wanted: Order) -> None:
        authority = wanted.instance.timestamps
        wanted.stamps = [(authority, Stamp(at=STAMPED, serial=number)) for number in range(1, count + 1)]

    return change


def _entries(count: int) -> Callable[[Order], None]:
    """Of one log entry so many, which differ in what nobody signed."""

    def multiply(document: Json) -> None:
        material = document["verificationMaterial"]
        (entry,) = material["tlogEntries"]
        material["tlogEntries"] = [{**entry, "logIndex": str(number)} for number in range(count)]

    return lambda wanted: setattr(wanted, "on_container", multiply)


def _leaf(**changes: Any) -> Callable[[Order], None]:
    return lambda wanted: setattr(wanted, "leaf", replace(wanted.leaf, **changes))


def _submitted(wanted: Order) -> None:
    wanted.submissions = (Submission(log=wanted.instance.ct_log),) * 400


def _proof(change: Callable[[Json], None]) -> Callable[[Order], None]:
    return lambda wanted: setattr(wanted, "on_entry", lambda entry: change(entry["inclusionProof"]))


def _hashes(proof: Json) -> None:
    proof["hashes"] = proof["hashes"] * 50_000


def _cosigned(lines: int) -> Callable[[Json], None]:
    def change(proof: Json) -> None:
        line = proof["checkpoint"]["envelope"].splitlines(keepends=True)[-1]
        proof["checkpoint"]["envelope"] += line * lines

    return change


def _long_chain(wanted: Order) -> None:
    one = pem(wanted.instance.authority.intermediate)
    wanted.on_container = lambda annotations: annotations.update({CHAIN: one * (10_000_000 // len(one))})


SHAPES: Mapping[str, Callable[[], Case]] = {
    "keys": lambda: _with_member(b"{" + b",".join(b'"%d":1' % n for n in range(1_250_000)) + b"}"),
    "duplicate-keys": lambda: _with_member(b"{" + b",".join([b'"a":1'] * 1_250_000) + b"}"),
    "strings": lambda: _listed(b'"ab"', 1_900_000),
    "objects": lambda: _listed(b'{"a":1}', 900_000),
    "wide-text": lambda: _with_member(b'"' + "\U0001f600".encode() + b"a" * 14_000_000 + b'"'),
    "long-number": lambda: _with_member(b"1" * 14_000_000),
    "5,000-digit-numbers": lambda: _listed(b"1" * 5_000, 2_500),
    "5,000-digit-fractions": lambda: _listed(b"1." + b"1" * 5_000, 2_500),
    "not-a-number": lambda: _listed(b"NaN", 1_900_000),
    "depth": lambda: _with_member(b"[" * 7_000_000 + b"]" * 7_000_000),
    "depth-of-100000": lambda: _with_member(b"[" * 100_000 + b"]" * 100_000),
    "depth-of-objects": lambda: _with_member(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "subjects-1025": lambda: _subjects(1_025),
    "subjects-100000": lambda: _subjects(100_000),
    "payload-of-20-mib": lambda: _ordered(_sound, payload=FOUNDRY.provenance(SUBJECT, path="x" * (20 << 20))),
    "payload-of-14-mb": lambda: _ordered(_sound, payload=FOUNDRY.provenance(SUBJECT, path="x" * 14_000_000)),
    "timestamps": lambda: _ordered(_timestamps(MANY - 1)),
    "timestamps-too-many": lambda: _ordered(_timestamps(MANY)),
    "log-entries": lambda: _ordered(_entries(MANY - 1)),
    "log-entries-too-many": lambda: _ordered(_entries(2_000)),
    "scts": lambda: _ordered(_submitted),
    "extensions": lambda: _ordered(_leaf(extra=tuple(extension(f"1.3.6.1.{n}", b"") for n in range(3_000)))),
    "extensions-of-4-mb": lambda: _ordered(_leaf(extra=tuple(extension(f"1.2.{n}", b"\x05") for n in range(2**18)))),
    "proof-hashes": lambda: _ordered(_proof(_hashes)),
    "cosignatures": lambda: _ordered(_proof(_cosigned(60))),
    "cosignatures-too-many": lambda: _ordered(_proof(_cosigned(50_000))),
    "chain-of-10-mb": lambda: _ordered(_long_chain, form=".att dsse"),
}


def measure(judging: Callable[[], object]) -> tuple[float, int]:
    """Seconds of processor time and MiB that this took."""
    # Not getrusage: a process starts with the peak of the one that made it, and that is a test run.
    Path("/proc/self/clear_refs").write_text("5")
    before, started = _mebibytes("VmRSS"), time.process_time()
    judging()
    return time.process_time() - started, _mebibytes("VmHWM") - before


def library(shape: str) -> tuple[float, int]:
    """What judging this shape took."""
    candidate, roots = SHAPES[shape]()
    return measure(lambda: judge_candidate(candidate, subject=SUBJECT, roots=roots, now=JUDGED))


def command(shape: str, folder: Path) -> tuple[float, int, int]:
    """The same of the command, with its exit code; it writes where it always does."""
    candidate, _ = SHAPES[shape]()
    keyed = b'"publicKey"' in candidate.content[:1_000]
    by = ("--key", "key.pem") if keyed else ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)
    (folder / "bundle.json").write_bytes(candidate.content)
    del candidate
    return of_file(Path("bundle.json"), folder, *by)


def of_file(bundle: Path, folder: Path, *by: str) -> tuple[float, int, int]:
    """What the command took for this bundle, with its exit code."""
    (folder / "key.pem").write_text(FOUNDRY.key.pem)
    (folder / "trusted_root.json").write_bytes(encode(acme().trusted_root()))
    os.chdir(folder)
    sys.argv = ["navicert", "verify-bundle", "--bundle", str(bundle), "--trusted-root", "trusted_root.json"]
    sys.argv += [*by, str(SUBJECT)]
    ended: list[int] = []
    seconds, mebibytes = measure(lambda: ended.append(run_program("navicert")))
    return seconds, mebibytes, ended[0]


def _mebibytes(field: str) -> int:
    found = re.search(rf"{field}:\s+([0-9]+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) // 1024


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        match sys.argv[1:]:
            case ["file", path]:
                print(*of_file(Path(path), Path(scratch), "--key", "key.pem"))  # noqa: T201
            case [shape, "cli"]:
                print(*command(shape, Path(scratch)))  # noqa: T201
            case [shape]:
                print(*library(shape))  # noqa: T201
