"""What is broken is told once, with its problems, and again when it is mended."""

import logging
from collections.abc import Mapping

import pytest

from controller.core.errors import Problem
from controller.core.policyset import PolicySet
from controller.engine.announcing import Announcer
from controller.engine.policies import Snapshot
from controller.trust.root import TrustRoots

BENT = (Problem(path="spec.require.bildLevel", message="no such field; did you mean buildLevel?"),)


def snapshot(**problems: tuple[Problem, ...]) -> Snapshot:
    named = {name.replace("_", "/"): found for name, found in problems.items()}
    return Snapshot(policies=PolicySet(), roots=TrustRoots(), problems=named)


def test_each_broken_object_is_told_once_with_its_problems(caplog: pytest.LogCaptureFixture) -> None:
    states: list[Snapshot | None] = [None, snapshot(TrustRoot_acme=BENT), snapshot(TrustRoot_acme=BENT), snapshot()]
    counts: list[Mapping[str, int]] = []
    announcer = Announcer(lambda: states[0], counts.append)
    with caplog.at_level(logging.INFO):
        for _ in range(4):
            announcer.announce()
            announcer.announce()
            states.pop(0) if len(states) > 1 else None
    told = [(record.message, vars(record)["object"], vars(record).get("problems")) for record in caplog.records]
    assert told == [
        ("broken object", "TrustRoot/acme", ["spec.require.bildLevel: no such field; did you mean buildLevel?"]),
        ("object sound again, or gone", "TrustRoot/acme", None),
    ]
    assert counts == [{"TrustRoot": 1}, {"TrustRoot": 1}, {}]
