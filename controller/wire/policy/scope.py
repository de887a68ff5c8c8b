"""What a policy is about, as far as that can be read: a part that does not compile narrows nothing (POL-002)."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from controller.core.errors import Problem
from controller.core.match import Match
from controller.core.patterns import Glob, ImageGlob
from controller.core.selector import Operator, Requirement, Selector
from controller.wire.policy.common import LabelSelector, compile_glob, compile_image_glob

T = TypeVar("T")


def compile_match(namespace: str, spec: Mapping[str, object], problems: Iterable[Problem]) -> Match:
    """The scope of a policy whose shape has these problems.

    A part with a problem at or below it is left out and so matches everything; a non-empty `namespace`
    always binds. Without problems this is the policy's whole match.
    """
    broken = tuple(problem.path for problem in problems)
    match = _object(spec.get("match"))

    def part(path: str, value: object, read: Callable[[object], T], absent: T) -> T:
        return absent if value is None or _touched(f"spec.match.{path}", broken) else read(value)

    inside = {} if namespace else _object(match.get("namespaces"))
    return Match(
        namespace=namespace or None,
        namespaces=part("namespaces.names", inside.get("names"), _globs, ()),
        namespace_selector=part("namespaces.selector", inside.get("selector"), _selector, None),
        pod_selector=part("podSelector", match.get("podSelector"), _selector, None),
        images=part("images", match.get("images"), _image_globs, ()),
        exclude_images=part("excludeImages", match.get("excludeImages"), _image_globs, ()),
    )


def _touched(part: str, broken: tuple[str, ...]) -> bool:
    """Whether a problem lies in this part. Around it one makes no difference: what is no object has no parts."""
    return any(path == part or path.startswith((f"{part}.", f"{part}[")) for path in broken)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _globs(value: object) -> tuple[Glob, ...]:
    return tuple(map(compile_glob, _texts(value)))


def _image_globs(value: object) -> tuple[ImageGlob, ...]:
    return tuple(map(compile_image_glob, _texts(value)))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _selector(value: object) -> Selector:
    model = LabelSelector.model_validate(value)
    labels = (
        Requirement(key=key, operator=Operator.IN, values=frozenset({value}))
        for key, value in (model.match_labels or {}).items()
    )
    expressions = (
        Requirement(key=one.key, operator=Operator(one.operator), values=frozenset(one.values or ()))
        for one in model.match_expressions or ()
    )
    return Selector((*labels, *expressions))
