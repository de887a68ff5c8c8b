"""How many expressions one policy may bring: they are compiled where reviews wait."""

from controller.core.policy import BrokenPolicy, Policy
from controller.expressions import MAX_EXPRESSION_CHARACTERS
from controller.wire.policy import compile_policy
from tests.support import objects
from tests.support.objects import Document, named_key

MORE = " && true"


def conditions(first: int, number: int) -> list[Document]:
    """As long as each may be, and no two the same."""
    written = [f"{one} != 0" for one in range(first, first + number)]
    filled = [text + MORE * ((MAX_EXPRESSION_CHARACTERS - len(text)) // len(MORE)) for text in written]
    return [{"name": f"c{index}", "expression": text} for index, text in enumerate(filled)]


def compiled(*listed: list[Document]) -> Policy | BrokenPolicy:
    asked = [
        {"predicateType": f"https://acme.example/{index}", "signers": [named_key()], "conditions": one}
        for index, one in enumerate(listed)
    ]
    return compile_policy(objects.policy(require={"attestations": asked})).policy


def test_a_policy_whose_expressions_are_longer_in_all_than_any_needs_is_broken() -> None:
    """Or whoever may write one in a namespace could keep every review of the cluster waiting."""
    assert isinstance(compiled(conditions(1, 2), conditions(3, 2)), Policy)
    broken = compiled(conditions(1, 2), conditions(3, 3))
    assert isinstance(broken, BrokenPolicy)
    (problem,) = broken.problems
    assert problem.path == "spec.require.attestations[1].conditions[2].expression"
    assert "16384 characters in all" in problem.message
