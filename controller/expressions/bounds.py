"""What keeps a CEL expression's cost linear in what it looks at; the engine's own bounds are on iterations only.

Inside `all`, `exists`, `exists_one` and `filter` an expression sees the macro's own variable and what is small:
every step is then paid by the element it looks at. Nothing that is written out can be iterated, so nothing grows.
"""

import re
from dataclasses import dataclass

from controller.expressions.pattern import program_size

_MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "filter"})
_COSTLY_SIGNS = frozenset({"==", "!=", "<", "<=", ">", ">=", "+", "in", ","})  # each item of a list is made anew
_STEPS_OF_SMALL = 16  # for each item: a certificate has about as many values
_INSTRUCTIONS_OF_STEP = 4  # of a search: the engine compiles, then looks at each byte with all of them at worst
_STEPS_OF_COMPILING = 20  # of one instruction, which the engine does anew for each item
LARGE = frozenset({"provenance", "predicate", "workload"})
"""Variables whose size others decide on."""

# CEL's lexical syntax (cel-spec, langdef.md#syntax). Prefixed and triple-quoted texts stand before plain ones.
_TOKEN = re.compile(
    r"""
    (?P<text>
        [bB]?[rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\r\n]*"|'[^'\r\n]*')
      | [bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*')
    )
    | (?P<comment>//[^\r\n]*)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*|`[^`\r\n]*`)
    | (?P<number>[0-9][0-9A-Za-z]*(?:\.[0-9][0-9A-Za-z]*)?)
    | (?P<sign>==|!=|<=|>=|&&|\|\||\S)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an expression may cost: `steps` of at most the size of what it looks at, and the variables that it uses."""

    steps: int
    roots: frozenset[str]


@dataclass(slots=True, kw_only=True)
class _Bracket:
    """An open bracket: `is_path` when what it closes is a field still; a macro's has `macro` and reads `variable`."""

    is_path: bool = False
    macro: str = ""
    variable: str = ""


def bound_cost(expression: str) -> Cost | str:
    """The cost of an expression that compiles, or what makes it unbounded, fit to print."""
    found = (token for token in _TOKEN.finditer(expression) if token.lastgroup != "comment")
    return _Reading([(str(token.lastgroup), token.group()) for token in found]).read()


class _Reading:
    """One pass over the tokens, with the brackets that are open."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._open: list[_Bracket] = []
        self._closed: dict[int, _Bracket] = {}  # by the place of the closing bracket
        self._roots: set[str] = set()
        self._further = 0  # steps of what costs more than one

    def read(self) -> Cost | str:
        """The cost, or the first thing that makes it unbounded."""
        for index, (kind, text) in enumerate(self._tokens):
            problem = self._name(index) if kind == "name" else self._sign(index) if kind == "sign" else None
            if problem is not None:
                return problem
            if kind == "sign" and text in ")]}" and self._open:
                self._closed[index] = self._open.pop()
        steps = sum(
            text in _COSTLY_SIGNS or (kind == "name" and self._text(index + 1) == "(")
            for index, (kind, text) in enumerate(self._tokens)
        )
        return Cost(steps=1 + steps + self._further, roots=frozenset(self._roots))

    def _text(self, index: int) -> str:
        """The sign or name at this place; nothing outside, and nothing for a written-out text or number."""
        kind, text = self._tokens[index] if 0 <= index < len(self._tokens) else ("", "")
        return text if kind in ("sign", "name") else ""

    def _is_path(self, index: int) -> bool:
        """Whether a path to a field ends here: at a name, an index of a path, or what `filter` left of one."""
        closed = self._closed.get(index)
        kind = self._tokens[index][0] if index >= 0 else ""
        return closed.is_path if closed is not None else kind == "name" and self._text(index) != "in"

    def _sign(self, index: int) -> str | None:
        text, before = self._text(index), self._text(index - 1)
        if text == "." and index and self._tokens[index - 1][0] in ("sign", "") and before not in (")", "]", "}"):
            return "a name does not begin with a dot here"
        if text == "[":
            self._open.append(_Bracket(is_path=self._is_path(index - 1)))
        elif text == "(" and before in _MACROS and self._text(index - 2) == ".":
            self._open.append(_Bracket(is_path=before == "filter", macro=before))
            if not self._is_path(index - 3):
                return f"{before}() goes over the items of a field: name the field before it"
        elif text in ("(", "{"):
            self._open.append(_Bracket())
        return None

    def _name(self, index: int) -> str | None:
        text, before, following = self._text(index), self._text(index - 1), self._text(index + 1)
        if text == "matches" and following == "(":
            return self._search(index)
        if before == ".":
            refused = text == "map" and following == "("
            return "map() is not for conditions: all, exists, exists_one and filter are" if refused else None
        macros = [bracket for bracket in self._open if bracket.macro]
        if macros and not macros[-1].variable:
            macros[-1].variable = text
        elif following != "(" and (not macros or text != macros[-1].variable):
            if macros and (text in LARGE or any(text == one.variable for one in macros)):
                return (
                    f"inside {macros[-1].macro}() look into its own variable, not into {text}: each item costs its size"
                )
            self._roots.add(text)
            self._further += _STEPS_OF_SMALL if macros else 0
        return None

    def _search(self, index: int) -> str | None:
        """A search costs by the size of its expression, which therefore has to be written out."""
        token, closing = self._tokens[index + 2 : index + 3], self._text(index + 3)
        if self._text(index - 1) != "." or [kind for kind, _ in token] != ["text"] or closing != ")":
            return "matches() takes an expression that is written out: text.matches(r'...')"
        size = program_size(token[0][1])
        if isinstance(size, str):
            return size
        inside = any(bracket.macro for bracket in self._open)
        self._further += size * _STEPS_OF_COMPILING if inside else size // _INSTRUCTIONS_OF_STEP
        return None
