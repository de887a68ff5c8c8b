"""Threads that read by the same types for the first time, all at once, in an interpreter of their own: it may crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RACE = """
import sys
from threading import Barrier, Thread

import msgspec

from controller.wire.shapes import convert, decoder

THREADS, ROUNDS = 8, 40
sys.setswitchinterval(1e-6)
fields = {f"field_{number}": number for number in range(12)}
document = {"inner": fields, "others": [fields]}
content = msgspec.json.encode(document)


def shape(number):
    inner = msgspec.defstruct(f"Inner{number}", [(name, int) for name in fields])
    return msgspec.defstruct(f"Outer{number}", [("inner", inner), ("others", tuple[inner, ...])])


def read(outer, start):
    start.wait()
    for found in (READ):
        assert found.others == (found.inner,), found


for number in range(ROUNDS):
    outer, start = shape(number), Barrier(THREADS)
    threads = [Thread(target=read, args=(outer, start)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("read")
"""


@pytest.mark.parametrize("read", ["(decoder(outer).decode(content),)", "(convert(document, outer),)"])
@pytest.mark.slow
def test_a_type_is_learned_before_anybody_reads_by_it(read: str) -> None:
    command = (sys.executable, "-c", RACE.replace("(READ)", read))
    ended = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stdout) == (0, "read\n"), ended.stderr
