"""Whom objects go with, as a bound token says it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from controller.kube.owner import owned, token_owner

ACCOUNT = {"name": "navicert-operator", "uid": "0a1b"}


def token(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"header.{payload}.signature"


def test_a_bound_token_names_its_service_account() -> None:
    owner = token_owner(f"Bearer {token({'kubernetes.io': {'serviceaccount': ACCOUNT}})}")
    assert owner == {"apiVersion": "v1", "kind": "ServiceAccount", **ACCOUNT}
    assert owned({"name": "x"}, owner) == {"name": "x", "ownerReferences": [owner]}


@pytest.mark.parametrize(
    "text", ["", "opaque", "a.b.c", "a.////.c", token([]), token({}), token({"kubernetes.io": None}), "a." + "W1t" * 9]
)
def test_any_other_token_names_nobody(text: str) -> None:
    assert token_owner(text) is None
    assert owned({"name": "x"}, None) == {"name": "x"}
