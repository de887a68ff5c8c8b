"""Distinguished Encoding Rules (X.690) written by hand, so that anything can be encoded, wrong things included."""

from __future__ import annotations

from datetime import datetime


def element(tag: int, *contents: bytes) -> bytes:
    """Tag, definite length in its shortest form, contents."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def sequence(*contents: bytes) -> bytes:
    return element(0x30, *contents)


def set_of(*contents: bytes) -> bytes:
    """Elements in the order of their encodings (X.690, 11.6)."""
    return element(0x31, *sorted(contents))


def explicit(number: int, *contents: bytes) -> bytes:
    return element(0xA0 | number, *contents)


def integer(value: int) -> bytes:
    return element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def boolean(*, value: bool) -> bytes:
    return element(0x01, b"\xff" if value else b"\x00")


def octets(content: bytes) -> bytes:
    return element(0x04, content)


def bits(content: bytes, unused: int = 0) -> bytes:
    return element(0x03, bytes([unused]), content)


def utf8(text: str) -> bytes:
    return element(0x0C, text.encode())


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    return element(0x06, *(_base128(arc) for arc in (first * 40 + second, *rest)))


def generalized_time(time: datetime) -> bytes:
    return element(0x18, time.strftime("%Y%m%d%H%M%SZ").encode())


def utc_time(time: datetime) -> bytes:
    return element(0x17, time.strftime("%y%m%d%H%M%SZ").encode())


def indefinite(der: bytes) -> bytes:
    """The same constructed element with an indefinite length: BER, and no DER."""
    return der[:1] + b"\x80" + der[_header(der) :] + b"\x00\x00"


def _header(der: bytes) -> int:
    return 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)


def _base128(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(arc & 0x7F | 0x80)
    return bytes(reversed(groups))
