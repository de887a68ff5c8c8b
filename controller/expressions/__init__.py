"""What policies may compute: RE2 expressions over names, and CEL conditions over one statement.

Both compile to small types of `core`, or to the problem with them. No foreign exception leaves this package, and
whatever can't be evaluated is an error, never true.
"""

from controller.expressions.condition import MAX_EXPRESSION_CHARACTERS, Use, compile_condition
from controller.expressions.extensions import EXTENSIONS
from controller.expressions.pattern import MAX_PATTERN_CHARACTERS, RegExp, compile_pattern

__all__ = [
    "EXTENSIONS",
    "MAX_EXPRESSION_CHARACTERS",
    "MAX_PATTERN_CHARACTERS",
    "RegExp",
    "Use",
    "compile_condition",
    "compile_pattern",
]
