"""The extensions of a leaf in the one form in which Fulcio writes them, read without an object for each of them.

Whatever is written otherwise is left to `controller.trust.extensions`, which reads by the library: this is no second
opinion, only a quick one, and tests hold it to the other.
"""

import struct
from collections.abc import Mapping

from controller.core.signer import SubjectType
from controller.trust.extensions import NUMBERS, LeafExtensions, Name, Stamp, read_extensions
from controller.trust.leaf import Leaf, content_of

# Every extension that is expected: Fulcio's by its number, others by names of ours; object identifiers as written.
_KEY_USAGE, _PURPOSES, _NAMES, _SUBJECT_KEY, _AUTHORITY_KEY, _STAMPS = range(-6, 0)
_KNOWN: Mapping[bytes, int] = {
    b"\x06\x03\x55\x1d\x0f": _KEY_USAGE,
    b"\x06\x03\x55\x1d\x25": _PURPOSES,
    b"\x06\x03\x55\x1d\x11": _NAMES,
    b"\x06\x03\x55\x1d\x0e": _SUBJECT_KEY,
    b"\x06\x03\x55\x1d\x23": _AUTHORITY_KEY,
    bytes.fromhex("060a2b06010401d679020402"): _STAMPS,
    **{bytes.fromhex("060a2b0601040183bf3001") + bytes([number]): number for number in NUMBERS},
}
_CRITICAL = {_KEY_USAGE, _PURPOSES, _NAMES}

_BOOLEAN, _OCTETS, _SEQUENCE, _IMPLICIT, _EXPLICIT_3 = 0x01, 0x04, 0x30, 0x80, 0xA3  # X.690, 8.1.2; [0] and [3]
_DIGITAL_SIGNATURE = bytes.fromhex("03020780")  # KeyUsage with that bit alone
_CODE_SIGNING = bytes.fromhex("300a06082b06010505070303")  # ExtKeyUsageSyntax with that purpose alone
_KINDS: Mapping[int, SubjectType] = {0x86: SubjectType.URI, 0x81: SubjectType.EMAIL}  # RFC 5280, 4.2.1.6

_STAMP, _SIZE = struct.Struct(">B32sQH"), struct.Struct(">H")
_ECDSA_SHA256 = b"\x04\x03"  # RFC 5246, 7.4.1.4.1
_LAST_MILLISECOND = 253_402_300_799_999  # of the year 9999, after which the library knows no times


class _UnusualError(Exception):
    """For the library to read, or to refuse."""


def extensions_of(leaf: Leaf) -> LeafExtensions:
    """What `read_extensions` says of this certificate; raises as that does."""
    try:
        return _usual(leaf)
    except (_UnusualError, IndexError, struct.error, UnicodeDecodeError):
        return read_extensions(leaf.certificate)


def _usual(leaf: Leaf) -> LeafExtensions:
    values, begins, ends = _listed(leaf)
    if values.pop(_KEY_USAGE, None) != _DIGITAL_SIGNATURE or values.pop(_PURPOSES, None) != _CODE_SIGNING:
        raise _UnusualError
    _content(values.pop(_SUBJECT_KEY, b"\x04\x00"), _OCTETS)
    _content(_content(values.pop(_AUTHORITY_KEY, b"\x30\x02\x80\x00"), _SEQUENCE), _IMPLICIT)
    name = _name(values.pop(_NAMES, b""))
    stamps = values.pop(_STAMPS, None)
    return LeafExtensions(
        names=(name,),
        authority=False,
        signs=True,
        signs_code=True,
        stamps=None if stamps is None else _stamps(stamps),
        precertificate=b"" if stamps is None else _without(leaf, begins, ends),
        fulcio=values,
    )


def _listed(leaf: Leaf) -> tuple[dict[int, bytes], int, int]:
    """The values of all extensions, and where the one with SCTs begins and ends (RFC 5280, 4.1: Extension)."""
    der, (at, end) = leaf.tbs, leaf.listed
    values: dict[int, bytes] = {}
    begins = ends = at
    while at < end:
        start, after = (at + 2, at + 2 + der[at + 1]) if der[at + 1] < 0x80 else content_of(der, at)
        value = start + 2 + der[start + 1]  # the object identifier is short, or not known
        number = _KNOWN.get(der[start:value])
        if der[value] == _BOOLEAN:
            value += 3
            number = number if number in _CRITICAL else None
        if number is None or number in values:
            raise _UnusualError
        values[number] = der[value + 2 if der[value + 1] < 0x80 else content_of(der, value)[0] : after]
        if number == _STAMPS:
            begins, ends = at, after
        at = after
    return values, begins, ends


def _content(value: bytes, tag: int) -> bytes:
    """The content of the one element that this is; up to 255 bytes have one form of length each (X.690, 10.1)."""
    size = len(value) - 2
    if value[0] == tag and value[1] == size < 0x80:
        return value[2:]
    if value[0] == tag and value[1] == 0x81 and 0x80 <= value[2] == size - 1:
        return value[3:]
    raise _UnusualError


def _name(value: bytes) -> Name:
    """The one name, a URI or an email address."""
    names = _content(value, _SEQUENCE)
    kind = _KINDS.get(names[0])
    if kind is None:
        raise _UnusualError
    return kind, _content(names, names[0]).decode("ascii")


def _stamps(value: bytes) -> tuple[Stamp, ...]:
    """RFC 6962, 3.3: a SignedCertificateTimestampList in an octet string in the extension."""
    content = _content(value, _OCTETS)
    found: list[Stamp] = []
    at = _after(content, 0, len(content))
    while at < len(content):
        begins = at + _SIZE.size
        at = begins + _SIZE.unpack_from(content, at)[0]
        found.append(_stamp(content[begins:at]))
    _after(content, 0, at)
    return tuple(found)


def _stamp(content: bytes) -> Stamp:
    version, log_id, milliseconds, size = _STAMP.unpack_from(content)
    stated = _STAMP.size + size
    signed = stated + len(_ECDSA_SHA256)
    if version != 0 or milliseconds > _LAST_MILLISECOND or content[stated:signed] != _ECDSA_SHA256:
        raise _UnusualError
    _after(content, signed, len(content))
    return Stamp(log_id, milliseconds, content[_STAMP.size : stated], content[signed + _SIZE.size :])


def _after(content: bytes, at: int, end: int) -> int:
    """Where the bytes begin that are counted at `at` (RFC 8446, 3.4), and reach exactly to `end`."""
    begins = at + _SIZE.size
    if begins + _SIZE.unpack_from(content, at)[0] != end:
        raise _UnusualError
    return begins


def _without(leaf: Leaf, begins: int, ends: int) -> bytes:
    """The TBSCertificate without these bytes of its extensions (RFC 6962, 3.2), which are the last thing in it."""
    der, (first, last) = leaf.tbs, leaf.listed
    listed = _element(_SEQUENCE, der[first:begins] + der[ends:last])
    head = der[content_of(der, 0)[0] : leaf.explicit]
    return _element(_SEQUENCE, head + _element(_EXPLICIT_3, listed))


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content
