"""What a schema can't say of a policy: whether templates, expressions and names in it mean something.

Reads the spec as it is written, so that one broken part never hides the problems of another.
"""

from collections.abc import Iterator, Mapping

from controller.core.condition import Condition
from controller.core.errors import Problem
from controller.core.patterns import ImageGlob, MalformedPattern
from controller.core.source import SourceTemplate
from controller.expressions import MAX_EXPRESSION_CHARACTERS, Use, compile_condition
from controller.wire.policy.shape import join

Spec = Mapping[str, object]
# Of one policy in all. Compiling costs some ten microseconds a character, and who may write policies in a namespace
# must not keep every review waiting.
MAX_CONDITION_CHARACTERS = 4 * MAX_EXPRESSION_CHARACTERS
REPOSITORY = "{repository}"  # in resource URIs: the image's own


def compile_conditions(spec: Spec) -> tuple[dict[str, Condition], tuple[Problem, ...]]:
    """Every condition of a policy's spec by its field path, and what is wrong with the others.

    Compiles no more of them than MAX_CONDITION_CHARACTERS.
    """
    compiled: dict[str, Condition] = {}
    problems: list[Problem] = []
    left = MAX_CONDITION_CHARACTERS
    for holder, path, use in _holders(spec):
        names: set[str] = set()
        for index, entry in enumerate(_list(holder, "conditions")):
            place = join(path, "conditions", index)
            name, expression, message = (_object(entry).get(field) for field in ("name", "expression", "message"))
            if isinstance(name, str) and name in names:
                problems.append(Problem(path=join(place, "name"), message="another condition here has the same name"))
            names.add(str(name))
            if not isinstance(expression, str) or not expression:
                continue  # told as a matter of shape
            left -= len(expression)
            if left < 0:
                message = f"the expressions of a policy have at most {MAX_CONDITION_CHARACTERS} characters in all"
                return compiled, (*problems, Problem(path=join(place, "expression"), message=message))
            found = compile_condition(str(name), expression, message if isinstance(message, str) else None, use)
            if isinstance(found, str):
                problems.append(Problem(path=join(place, "expression"), message=found))
            else:
                compiled[place] = found
    return compiled, tuple(problems)


def template_problems(spec: Spec, images: tuple[ImageGlob, ...]) -> Iterator[Problem]:
    """Source templates against the image globs they refer to, and resource URIs."""
    for alternative, path in alternatives(spec):
        for index, source in enumerate(_list(alternative, "sources")):
            for number, text in enumerate(_list(source, "repositories")):
                if message := _refusal(text, images):
                    yield Problem(path=join(path, "sources", index, "repositories", number), message=message)


def resource_problems(spec: Spec) -> Iterator[Problem]:
    """Resource URIs with a placeholder that stands for nothing."""
    for index, entry in enumerate(_list(spec, "acceptSummaries")):
        for number, text in enumerate(_list(entry, "resourceURIs")):
            if isinstance(text, str) and any(mark in text.replace(REPOSITORY, "") for mark in "{}*"):
                message = f"{REPOSITORY} stands for the image's own, and all else for itself: no other braces, no *"
                yield Problem(path=join("spec", "acceptSummaries", index, "resourceURIs", number), message=message)


def alternatives(spec: Spec) -> Iterator[tuple[Spec, str]]:
    """What is required and each alternative in it, as written, with its field path."""
    require = _object(spec.get("require"))
    yield require, "spec.require"
    for index, alternative in enumerate(_list(require, "anyOf")):
        yield _object(alternative), join("spec.require.anyOf", index)


def _holders(spec: Spec) -> Iterator[tuple[Spec, str, Use]]:
    """Whatever may hold conditions."""
    for alternative, path in alternatives(spec):
        yield _object(alternative.get("build")), join(path, "build"), Use.BUILD
        for index, attestation in enumerate(_list(alternative, "attestations")):
            yield _object(attestation), join(path, "attestations", index), Use.ATTESTATION


def _refusal(text: object, images: tuple[ImageGlob, ...]) -> str | None:
    if not isinstance(text, str):
        return None  # told as a matter of shape
    try:
        SourceTemplate.compile(text, images)
    except MalformedPattern as error:
        return str(error)
    return None


def _object(value: object) -> Spec:
    return value if isinstance(value, dict) else {}


def _list(node: object, field: str) -> list[object]:
    value = _object(node).get(field)
    return value if isinstance(value, list) else []
