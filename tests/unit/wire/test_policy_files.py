"""Policies from files: YAML with one meaning, our kinds only."""

import json

import pytest

from controller.core.errors import MalformedPolicy
from controller.wire.policy import compile_root, parse_objects
from tests.support.objects import builder, policy, root

TWO = """
apiVersion: navicert.dev/v1alpha1
kind: ClusterSLSAPolicy
metadata: {name: a}
---
# nothing here
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tier: production}}
"""


def refusal(text: str) -> str:
    with pytest.raises(MalformedPolicy) as caught:
        parse_objects(text, "policies.yaml")
    return str(caught.value)


def test_documents_become_objects() -> None:
    first, second = parse_objects(TWO, "policies.yaml")
    assert (first["kind"], second["kind"]) == ("ClusterSLSAPolicy", "Namespace")


def test_nothing_is_no_object() -> None:
    assert parse_objects("", "a") == parse_objects("---\n---\n", "a") == ()


def test_json_is_yaml_too() -> None:
    assert parse_objects(json.dumps(policy()), "a.json") == (policy(),)


def test_what_is_json_is_read_as_json() -> None:
    """YAML 1.1 knows no escaped slash."""
    assert parse_objects(f"\n{json.dumps(policy())}\n".replace("/", r"\/"), "a.json") == (policy(),)


@pytest.mark.parametrize("kind", ["List", "TrustedBuilderList"])
def test_lists_are_unrolled(kind: str) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": kind, "items": [policy(), builder()]})
    assert parse_objects(text, "a") == (policy(), builder())


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Pod\n",
        "apiVersion: apps/v1\nkind: Deployment\n",
        "kind: ClusterSLSAPolicy\n",
        "apiVersion: other.dev/v1alpha1\nkind: ClusterSLSAPolicy\n",
        "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Secret}]\n",
        "apiVersion: v1\nkind: List\n",
        "- a\n- b\n",
        "text",
        "7",
    ],
)
def test_foreign_kinds_are_refused_with_file_and_document(text: str) -> None:
    assert refusal(f"{TWO}---\n{text}").startswith("policies.yaml (document 4): ")


def test_every_foreign_kind_is_told_at_once() -> None:
    message = refusal("apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Secret\n")
    assert "(document 1): Pod" in message
    assert "(document 2): Secret" in message


@pytest.mark.parametrize(
    "text",
    [
        "spec: {}\nspec: {}\n",
        "a: {b: 1, b: 2}\n",
        "a: {b: 1, 'b': 2}\n",
        '{"a": 1, "a": 2}',
        "<<: {a: 1}\na: 1\na: 2\n",
    ],
)
def test_duplicate_keys_are_refused(text: str) -> None:
    assert "stands twice" in refusal(text)


@pytest.mark.parametrize("text", ["1: a\n", "true: a\n", "null: a\n", "? [a]\n: b\n", "? {a: b}\n: c\n"])
def test_keys_that_are_no_text_are_refused(text: str) -> None:
    assert "a key must be text" in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: !!python/object:os.system {}",
        "a: !custom b",
        "a: \x00",
        "a: *nowhere",
        "[" * 100_000,
        "{a: " * 5_000,
        "a: " + "9" * 10_000,
        "a: !!timestamp 2026-99-99",
    ],
)
def test_what_is_no_yaml_is_refused(text: str) -> None:
    assert refusal(text).startswith("policies.yaml: ")


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ('a: "https://github\\.com/acme"', "single quotes"),
        ("a:\n\tb: 1", "spaces, not with tabs"),
        ("a: &one 1\n---\nb: *one", "in its own document only"),
        ("images: *\n", "begins with * or & stands in quotes"),
        ("repositories: [https://github.com/acme/{1}]", "holds a brace or a comma stands in quotes"),
        ("a: 1\n  b: 2", "indentation"),
    ],
)
def test_what_is_often_got_wrong_in_yaml_is_told_with_its_line_and_the_mend(text: str, mend: str) -> None:
    message = refusal(f"# first\n{text}")
    assert message.startswith("policies.yaml: line ")
    assert mend in message


def test_too_much_is_refused() -> None:
    assert "at most" in refusal("#" * (4 * 1024 * 1024 + 1))


def test_times_stay_as_they_are_written() -> None:
    source = root("acme", {"name": "a", "pem": "P", "notAfter": "2026-12-31T00:00:00Z"})
    text = json.dumps(source).replace('"2026-12-31T00:00:00Z"', "2026-12-31T00:00:00Z")
    (parsed,) = parse_objects(text, "a")
    assert parsed == source
    assert not hasattr(compile_root(parsed), "problems")


def test_what_is_shown_is_fit_to_print() -> None:
    with pytest.raises(MalformedPolicy) as caught:
        parse_objects('apiVersion: v1\nkind: "P\\e[31m\\n"\n', "a\x1b.yaml")
    assert str(caught.value).isprintable()
