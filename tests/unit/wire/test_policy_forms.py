"""What form a text has is told in words, with an example, whatever the schema says of it."""

import pytest

from controller.core.policy import BrokenPolicy
from controller.wire.policy import BrokenObject, compile_exception, compile_policy
from controller.wire.policy.forms import FORMS
from controller.wire.policy.kinds import KINDS
from tests.support import objects
from tests.support.objects import Document, policy

SOURCE: Document = {"repositories": ["https://github.com/acme/shop"]}


@pytest.mark.parametrize(
    ("field", "part", "example"),
    [
        ("build.maxAge", {"build": {"maxAge": "30d"}}, "hours, minutes or seconds, as 720h"),
        ("build.maxAge", {"build": {"maxAge": "168"}}, "as 720h"),
        ("build.types[0]", {"build": {"types": ["a b"]}}, "without spaces"),
        ("builders[0]", {"builders": ["GitHub"]}, "lower-case letters"),
        ("sources[0].triggers[0]", {"sources": [{**SOURCE, "triggers": ["Push"]}]}, "as push"),
        ("sources[0].ownerIDs[0]", {"sources": [{**SOURCE, "ownerIDs": ["acme"]}]}, '"1234567"'),
    ],
)
def test_a_text_of_another_form_is_told_in_words_with_an_example(field: str, part: Document, example: str) -> None:
    broken = compile_policy(policy(require=part)).policy
    assert isinstance(broken, BrokenPolicy)
    (problem,) = broken.problems
    assert problem.path == f"spec.require.{field}"
    assert example in problem.message
    assert "^" not in problem.message


def test_the_end_of_an_exception_is_told_in_words() -> None:
    found = compile_exception(objects.exception(expires="31.12.2026"))
    assert isinstance(found, BrokenObject)
    assert [(one.path, one.message) for one in found.problems] == [
        ("spec.expires", "must be a date and time with its zone, as 2026-12-31T00:00:00Z")
    ]


def test_every_pattern_of_the_kinds_has_its_words() -> None:
    schemas = (schema for kind in KINDS.values() for schema in dictionaries(kind.spec.model_json_schema()))
    patterns = {schema.get("pattern") for schema in schemas}
    assert {one for one in patterns if isinstance(one, str)} == set(FORMS)


def dictionaries(value: object) -> list[dict[str, object]]:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict) else []
    return own + [one for each in below for one in dictionaries(each)]
