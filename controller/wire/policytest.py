"""Declarative policy tests, `*.navicert-test.yaml`: what policies must decide about given evidence at a given time.

The schema of the format is made from these types; an unknown field is refused.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from controller.core.errors import MalformedDocument
from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.core.text import printable
from controller.wire.policy import parse_documents
from controller.wire.shapes import convert
from controller.wire.verification import schema_of
from controller.wire.workload import WORKLOAD_KINDS

REFUSED, ADMITTED = 403, 200

_REASON = Meta(extra_json_schema={"enum": list(Reason.__members__)})
_KIND = Meta(description="with image: what would run it", extra_json_schema={"enum": list(WORKLOAD_KINDS)})


class _Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class ExpectedFinding(_Shape, frozen=True, kw_only=True):
    """A finding that must be there. Without `policy` it is of no policy (Uncovered); without `image` of any image."""

    policy: Annotated[str | None, Meta(description="kind/name or kind/namespace/name")] = None
    reason: Annotated[str, _REASON]
    image: Annotated[str | None, Meta(description="the image reference, in any spelling")] = None


class Expectation(_Shape, frozen=True, kw_only=True):
    """What must come out. Every finding must be one of `findings`, and each of these must be there.

    `code` is 403 for a refusal unless it is said: one because something could not be found out is 503.
    """

    allowed: bool
    code: Literal[200, 403, 500, 503] | None = None
    findings: Annotated[tuple[ExpectedFinding, ...], Meta(min_length=1)] | None = None
    warnings: Annotated[int, Meta(ge=0, description="findings of policies in Warn")] | None = None

    @property
    def expected_code(self) -> int:
        """The code that must come out."""
        return self.code or (ADMITTED if self.allowed else REFUSED)


class PolicyTest(_Shape, frozen=True, kw_only=True):
    """One question and its answer. What is to be judged is `workload`, or `image` in the namespace and with the labels.

    `evidence` has an OCI layout (`navicert capture` makes one) for an image reference, or for a repository. Of an image
    without one nothing can be found out, as of a registry that does not answer.
    """

    name: Annotated[str, Meta(min_length=1)]
    image: str | None = None
    kind: Annotated[str, _KIND] = "Deployment"
    namespace: Annotated[str, Meta(min_length=1)] = "default"
    labels: dict[str, str] = {}
    workload: Annotated[
        str | dict[str, Any] | None, Meta(description="a pod, or an object with a pod template, or a file with one")
    ] = None
    evidence: dict[str, str] = {}
    expect: Expectation


class PolicyTests(_Shape, frozen=True, kw_only=True):
    """A file of tests. Paths are relative to it. `now` is the time at which everything is judged."""

    policies: Annotated[tuple[str, ...], Meta(min_length=1, description="files and folders")]
    now: Annotated[datetime, Meta(tz=True)]
    trusted_root: Annotated[str | None, Meta(description="in the place of the TrustRoot sigstore")] = None
    uncovered: Uncovered = Uncovered.ALLOW
    exception_maximum: str = "2160h"
    tests: Annotated[tuple[PolicyTest, ...], Meta(min_length=1)]


def parse_policy_tests(text: str, name: str) -> PolicyTests:
    """Read a file of tests; `name` is the file's, for messages. Raises MalformedDocument, also for a test that can
    hold of nothing: with both or neither of `image` and `workload`, with a code that contradicts `allowed`, or with a
    reason that there is none."""
    documents = parse_documents(text, name)
    if len(documents) != 1:
        raise MalformedDocument(f"{printable(name)}: expected one document, and there are {len(documents)}")
    try:
        tests = convert(documents[0], PolicyTests)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MalformedDocument(f"{printable(name)}: {printable(str(error), limit=400)}") from error
    for test in tests.tests:
        problem = _problem(test)
        if problem is not None:
            raise MalformedDocument(f"{printable(name)}: test {printable(test.name)!r}: {problem}")
    return tests


def policy_test_schema() -> dict[str, Any]:
    """The JSON Schema of the format."""
    return schema_of(PolicyTests)


def _problem(test: PolicyTest) -> str | None:
    if (test.image is None) == (test.workload is None):
        return "exactly one of image and workload is required"
    if test.expect.allowed != (test.expect.expected_code == ADMITTED):
        return f"what is {'allowed' if test.expect.allowed else 'refused'} has not the code {test.expect.code}"
    if test.kind not in WORKLOAD_KINDS:
        return f"{printable(test.kind, limit=40)!r} is no kind of workload"
    unknown = [one.reason for one in test.expect.findings or () if one.reason not in Reason.__members__]
    if unknown:
        return f"{printable(unknown[0], limit=40)!r} is no reason"
    return None
