"""The last net below every reader of foreign bytes: what none of them foresaw is a refusal, and never an exception."""

from types import TracebackType

from controller.core.errors import NotVerified
from controller.trust.keys import X509_ERRORS

_UNFORESEEN = (OverflowError, RecursionError, *X509_ERRORS)


class Border:
    """A block in which evidence is verified: what readers and libraries raise leaves it as NotVerified.

    Our own errors pass as they are. It is no reader's excuse: whoever knows what a library raises says so itself, and
    better. What only a bug raises (AssertionError, KeyError, ...) passes, too.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, _UNFORESEEN):
            raise NotVerified("it can't be read") from None  # its text may be foreign, its traceback endless
