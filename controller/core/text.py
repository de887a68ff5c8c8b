"""Making foreign text fit to print."""

_PRINTABLE_ASCII = range(0x20, 0x7F)


def printable(text: str, *, limit: int = 200) -> str:
    """`text` with everything but printable ASCII replaced by `?`, cut to `limit` characters.

    For text that others wrote (references, builder ids, repositories): no control characters, no terminal escapes,
    no bidirectional marks reach a message, a log, an Event or a report. Not reversible, not an encoding.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text  # nearly always; ten times a review
    shown = "".join(char if ord(char) in _PRINTABLE_ASCII else "?" for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."
