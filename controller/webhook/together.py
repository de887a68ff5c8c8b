"""One write for an answer: uvicorn writes headers and body by themselves, a packet and a call of the kernel each."""

import asyncio

_CONTINUE = b"HTTP/1.1 100 "  # no answer yet


class Together(asyncio.Transport):
    """What one answer with a body is written to: its headers wait for what follows them.

    Does nothing else of what a transport does. An answer whose headers came and nothing else is ended by `close`.
    """

    __slots__ = ("_begun", "_headers", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._begun = False
        self._headers = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep the headers, and write all else."""
        content = bytes(data)
        if not self._begun and not content.startswith(_CONTINUE):
            self._begun, self._headers = True, content
            return
        headers, self._headers = self._headers, b""
        self._transport.write(headers + content)

    def close(self) -> None:
        """Close the connection once all is written."""
        if self._headers:
            self.write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        """As of the connection."""
        return self._transport.is_closing()
