"""The chart as the real helm renders it, and the rights in it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.plainyaml import read_documents
from tests.support.tools import binary

CHART = Path(__file__).resolve().parents[2] / "charts" / "navicert"
NAMESPACE = "navicert-system"
CLIENT_CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
PULLING = ("--set", "podPullSecrets=true", "--set", f"clientCA={CLIENT_CA}")
"""Helm's arguments for images that are read by their pods' own Secrets."""

Document = dict[str, Any]
Rule = dict[str, list[str]]
Right = tuple[str, str, str]


@cache
def template(*arguments: str) -> tuple[Document, ...]:
    """Every object of a release with these arguments, without the kinds. Raises CalledProcessError."""
    command = [str(binary("helm")), "template", "navicert", str(CHART), "--namespace", NAMESPACE, *arguments]
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "PATH": os.defpath}
        text = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    return tuple(read_documents(text))


def rules(kind: str, name: str, *arguments: str) -> list[Rule]:
    """Those of the ClusterRole or Role of this name, in a release with these arguments."""
    (found,) = [one for one in template(*arguments) if one["kind"] == kind and one["metadata"]["name"] == name]
    granted: list[Rule] = found["rules"]
    return granted


def rights(name: str, *arguments: str) -> set[Right]:
    """Everything that this ServiceAccount may do, in a release with these arguments: verb, group, resource."""
    kinds = ("ClusterRole", "Role")
    return {right for kind in kinds for rule in _rules(kind, name, *arguments) for right in _rights(rule)}


def _rules(kind: str, name: str, *arguments: str) -> list[Rule]:
    named = [one for one in template(*arguments) if one["kind"] == kind and one["metadata"]["name"] == name]
    return [rule for one in named for rule in one["rules"]]


def _rights(rule: Rule) -> Iterator[Right]:
    return (
        (verb, group, resource)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def filled_in() -> Document:
    """A webhook that no test meets: it is about objects that nobody makes here."""
    rule = {"operations": ["CREATE"], "apiGroups": ["x.test"], "apiVersions": ["v1"], "resources": ["xs"]}
    return {
        "name": "policies.navicert.dev",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
