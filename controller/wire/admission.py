"""AdmissionReview v1: the question as the API server asks it, and the answer as it wants it.

Kubernetes API, group admission.k8s.io, version v1. Only what a decision needs is decoded; unknown fields are ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from controller.core.errors import MalformedReview, Problem
from controller.core.explain import cut_lines, cut_warnings, refusal, warnings
from controller.core.reasons import Outcome, Reason
from controller.core.text import printable
from controller.core.verdict import ImageVerdict, Verdict
from controller.wire.shapes import decoder

_T = TypeVar("_T")

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"
MAX_ANNOTATION_CHARACTERS = 2048

# metav1.StatusReason
_STATUS_REASONS = {403: "Forbidden", 422: "Invalid", 500: "InternalError", 503: "ServiceUnavailable"}
_MAX_UID_CHARACTERS = 128  # the API server sends a UUID of 36


class GroupVersionKind(msgspec.Struct, frozen=True, kw_only=True):
    """What the object is. With `matchPolicy: Equivalent` the kind the webhook registered for, not the one posted."""

    group: str = ""
    version: str
    kind: str

    def __str__(self) -> str:
        return f"{self.group}/{self.version} {self.kind}" if self.group else f"{self.version} {self.kind}"


class UserInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as the API server authenticated it."""

    username: str | None = None
    groups: tuple[str, ...] | None = None


class AdmissionRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One request. `object` and `old_object` are still JSON: the kind says how to read them.

    A field that is null counts as absent; an object that is null is the JSON text `null`.
    """

    uid: str
    kind: GroupVersionKind
    operation: str
    sub_resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    dry_run: bool | None = None
    user_info: UserInfo | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.Raw(b"null")


class _Review(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    api_version: str | None = None
    kind: str | None = None
    request: msgspec.Raw = msgspec.Raw(b"null")


class _Whole(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    api_version: str
    kind: str
    request: AdmissionRequest


class _Status(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    message: str
    reason: str


class _Response(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    uid: str
    allowed: bool
    status: _Status | None = None
    patch_type: str | None = None
    patch: bytes | None = None  # encoded as base64, as the API wants it
    warnings: tuple[str, ...] = ()
    audit_annotations: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One text of an object to replace: `pointer` says where (RFC 6901), `text` by what."""

    pointer: str
    text: str


_review = decoder(_Review)
_request = decoder(AdmissionRequest)
_whole = decoder(_Whole)


def parse_review(body: bytes) -> AdmissionRequest:
    """Read an AdmissionReview v1 that carries a request; raises MalformedReview, whose message is fit to print."""
    request = _read(body)
    if not 0 < len(request.uid) <= _MAX_UID_CHARACTERS:
        raise MalformedReview(f"request.uid has 1 to {_MAX_UID_CHARACTERS} characters")
    return request


def _read(body: bytes) -> AdmissionRequest:
    """In one pass what is in order; of the rest, piece by piece, what is wrong with it."""
    try:
        whole = _whole.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_pieces(body)
    return whole.request if (whole.kind, whole.api_version) == (KIND, API_VERSION) else _read_pieces(body)


def _read_pieces(body: bytes) -> AdmissionRequest:
    review = _decode(_review, body)
    if review.kind != KIND or review.api_version != API_VERSION:
        given = printable(f"{review.api_version} {review.kind}", limit=120)
        raise MalformedReview(f"expected {API_VERSION} {KIND}, got {given}")
    if bytes(review.request) == b"null":
        raise MalformedReview("the AdmissionReview carries no request")
    return _decode(_request, review.request)


def render(request: AdmissionRequest, verdict: Verdict) -> bytes:
    """The answer: the same bytes for the same verdict, the uid aside (MODE-024). Never says when to try again."""
    status = None
    if not verdict.allowed:
        status = _Status(code=verdict.code, message=refusal(verdict), reason=_STATUS_REASONS[verdict.code])
    return _render(
        _Response(
            uid=request.uid,
            allowed=verdict.allowed,
            status=status,
            warnings=warnings(verdict),
            audit_annotations=_annotations(verdict),
        )
    )


def render_pins(request: AdmissionRequest, pins: Sequence[Pin]) -> bytes:
    """An admission that replaces these texts, in this order, by a JSON patch (RFC 6902); without any, nothing."""
    response = _Response(uid=request.uid, allowed=True)
    if pins:
        operations = [{"op": "replace", "path": pin.pointer, "value": pin.text} for pin in pins]
        pinned = {"pinned": _bounded([pin.text for pin in pins])}
        response = _Response(
            uid=request.uid,
            allowed=True,
            patch_type="JSONPatch",
            patch=msgspec.json.encode(operations),
            audit_annotations=pinned,
        )
    return _render(response)


def render_problems(request: AdmissionRequest, problems: Sequence[Problem], advice: Sequence[str]) -> bytes:
    """The answer about one of our own objects: refused (422) with all problems there are, as far as a message holds
    them; admitted without any. Advice becomes warnings either way."""
    status = None
    if problems:
        message = cut_lines((str(problem) for problem in problems), of="problems")
        status = _Status(code=422, message=message, reason=_STATUS_REASONS[422])
    return _render(
        _Response(uid=request.uid, allowed=not problems, status=status, warnings=cut_warnings(advice, of="warnings"))
    )


def render_bug(request: AdmissionRequest) -> bytes:
    """The refusal of last resort, when judging itself broke (SVC-007). Says nothing about what happened."""
    message = f"{Reason.InternalError.name}: judging this failed. {Reason.InternalError.remedy}"
    status = _Status(code=500, message=message, reason=_STATUS_REASONS[500])
    return _render(_Response(uid=request.uid, allowed=False, status=status, audit_annotations={"verdict": "refused"}))


def _render(response: _Response) -> bytes:
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": KIND, "response": response})


def _annotations(verdict: Verdict) -> dict[str, str]:
    """What the API server writes into its audit log, below this webhook's name."""
    if verdict.unchanged:
        return {"verdict": "unchanged"}
    annotations = {"verdict": "admitted" if verdict.allowed else "refused"}
    digests, levels = set(), set()
    for image in verdict.images:
        if image.digest is not None:
            digests.add(digest := str(image.digest))
            if (level := _level(image)) is not None:
                levels.add(f"{digest}={level}")
    for name, items in (("digests", digests), ("levels", levels)):
        if items:
            annotations[name] = _bounded(sorted(items))
    return annotations


def _level(image: ImageVerdict) -> int | None:
    """The Build level on which an admission may rest: of satisfied findings only, never of the closest failure."""
    highest = None
    for finding in image.findings:
        level = finding.proven.level if finding.outcome is Outcome.PASS else None
        if level is not None and (highest is None or level > highest):
            highest = level
    return highest


def _bounded(items: list[str]) -> str:
    """As many whole items as fit, then how many were left out."""
    kept, text = items, ",".join(items)
    while len(text) > MAX_ANNOTATION_CHARACTERS:
        kept = kept[:-1]
        text = ",".join(kept)
    rest = len(items) - len(kept)
    return f"{text},and {rest} more" if rest else text


def _decode(known: "msgspec.json.Decoder[_T]", content: bytes | msgspec.Raw) -> _T:
    try:
        return known.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedReview(f"not an AdmissionReview: {printable(str(error))}") from error
