"""AdmissionReview v1 in and out."""

import json
from typing import Any

import pytest

from controller.core.errors import MalformedReview
from controller.core.image import Digest
from controller.core.policy import Mode, PolicyName
from controller.core.reasons import Reason
from controller.core.verdict import Finding, ImageVerdict, Proven, Verdict, conclude
from controller.core.workload import Slot, WorkloadImage
from controller.wire.admission import MAX_ANNOTATION_CHARACTERS, AdmissionRequest, parse_review, render, render_bug
from tests.support.reviews import UID, container, encoded, pod, review

PRODUCTION = PolicyName(kind="ClusterSLSAPolicy", namespace="", name="production")


def request(**changes: Any) -> AdmissionRequest:
    return parse_review(encoded(review(pod(container("a")), **changes)))


def finding(reason: Reason, *, mode: Mode = Mode.ENFORCE, detail: str = "", level: int | None = None) -> Finding:
    return Finding(policy=PRODUCTION, mode=mode, reason=reason, detail=detail, proven=Proven(level=level))


def judged(*findings: Finding, number: int = 0) -> ImageVerdict:
    digest = Digest.of(str(number).encode())
    slot = Slot(role="container", name=f"c{number}")
    image = WorkloadImage.of(f"ghcr.io/acme/shop@{digest}", (slot,))
    return ImageVerdict(image=image, digest=digest, covered=True, findings=findings)


def verdict(*findings: Finding) -> Verdict:
    return conclude((judged(*findings),), expected=1)


def response(verdict: Verdict, *, uid: str = UID) -> Any:
    document = json.loads(render(request(uid=uid), verdict))
    assert (document["apiVersion"], document["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    return document["response"]


def test_what_a_decision_needs_is_read() -> None:
    asked = request(subResource="ephemeralcontainers", dryRun=True)
    assert (asked.uid, asked.operation, asked.namespace, asked.name) == (UID, "CREATE", "shop", "web")
    assert (asked.sub_resource, asked.dry_run) == ("ephemeralcontainers", True)
    assert asked.user_info is not None
    assert asked.user_info.username == "alice"


def test_unknown_fields_are_ignored_and_nulls_are_absent() -> None:
    asked = request(userInfo=None, subResource=None, dryRun=None, tomorrow={"new": True})
    assert (asked.user_info, asked.sub_resource, asked.dry_run) == (None, None, None)


@pytest.mark.case("SVC-009")
@pytest.mark.parametrize("version", ["admission.k8s.io/v1beta1", "admission.k8s.io/v2", "v1", None, 1])
def test_another_version_is_named_and_refused(version: object) -> None:
    document = review(pod(container("a"))) | {"apiVersion": version}
    with pytest.raises(MalformedReview) as caught:
        parse_review(encoded(document))
    if isinstance(version, str):
        assert f"expected admission.k8s.io/v1 AdmissionReview, got {version} AdmissionReview" in str(caught.value)


@pytest.mark.case("PARSE-010")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        encoded(review(pod(container("a"))))[:-20],
        encoded(review(pod(container("a")))) + b"{}",
        b"\xef\xbb\xbf" + encoded(review(pod(container("a")))),
        b"[]",
        b"null",
        b'{"request":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        encoded(review(pod(container("a"))) | {"kind": "ConversionReview"}),
        encoded(review(pod(container("a"))) | {"request": None}),
        encoded(review(pod(container("a")), uid=None)),
        encoded(review(pod(container("a")), uid="")),
        encoded(review(pod(container("a")), uid="u" * 1000)),
        encoded(review(pod(container("a")), uid=7)),
        encoded(review(pod(container("a")), kind="Pod") | {"request": {"uid": UID}}),
        encoded(review(pod(container("a")), userInfo="root")),
        encoded(review(pod(container("a")))).replace(b"alice", b"\xff\xfe"),
    ],
)
def test_what_is_no_review_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedReview):
        parse_review(body)


def test_the_message_about_a_malformed_review_is_fit_to_print() -> None:
    document = review(pod(container("a"))) | {"apiVersion": "\x1b[31m\u202e"}
    with pytest.raises(MalformedReview) as caught:
        parse_review(encoded(document))
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()


def test_an_admission_says_so_and_no_more() -> None:
    answer = response(verdict(finding(Reason.Satisfied, level=3)))
    digest = Digest.of(b"0")
    annotations = {"verdict": "admitted", "digests": str(digest), "levels": f"{digest}=3"}
    assert answer == {"uid": UID, "allowed": True, "auditAnnotations": annotations}


def test_an_update_that_changes_no_image_is_admitted_as_unchanged() -> None:
    answer = response(conclude((), expected=0))
    assert answer == {"uid": UID, "allowed": True, "auditAnnotations": {"verdict": "unchanged"}}


@pytest.mark.case("MODE-023")
@pytest.mark.parametrize(
    ("reasons", "code", "status_reason"),
    [
        ((Reason.NoProvenance, Reason.RegistryUnavailable), 403, "Forbidden"),
        ((Reason.RegistryUnavailable, Reason.PolicyBroken), 503, "ServiceUnavailable"),
        ((Reason.RegistryUnavailable, Reason.InternalError), 500, "InternalError"),
    ],
)
def test_the_status_tells_failure_from_ignorance_from_a_bug(
    reasons: tuple[Reason, ...], code: int, status_reason: str
) -> None:
    answer = response(verdict(*(finding(reason) for reason in reasons)))
    assert answer["allowed"] is False
    assert (answer["status"]["code"], answer["status"]["reason"]) == (code, status_reason)
    assert "retryAfterSeconds" not in json.dumps(answer)


def test_a_refusal_explains_itself() -> None:
    message = response(verdict(finding(Reason.NoProvenance, detail="no provenance was found")))["status"]["message"]
    for words in (
        'container "c0"',
        "ClusterSLSAPolicy/production",
        "NoProvenance",
        "no provenance was found",
        "Attest",
    ):
        assert words in message


@pytest.mark.case("MODE-001")
def test_a_warning_policy_admits_with_one_warning() -> None:
    answer = response(verdict(finding(Reason.NoProvenance, mode=Mode.WARN)))
    assert answer["allowed"] is True
    (warning,) = answer["warnings"]
    for words in ("ghcr.io/acme/shop@", "ClusterSLSAPolicy/production", "NoProvenance"):
        assert words in warning


@pytest.mark.case("MODE-002")
def test_an_auditing_policy_admits_without_a_warning() -> None:
    answer = response(verdict(finding(Reason.NoProvenance, mode=Mode.AUDIT)))
    assert answer["allowed"] is True
    assert "warnings" not in answer
    assert "status" not in answer


@pytest.mark.case("MODE-003")
def test_an_enforcing_policy_refuses_and_a_warning_one_still_warns() -> None:
    answer = response(verdict(finding(Reason.NoProvenance, mode=Mode.WARN), finding(Reason.NoSignature)))
    assert answer["allowed"] is False
    assert "NoSignature" in answer["status"]["message"]
    assert "NoProvenance" not in answer["status"]["message"]
    assert len(answer["warnings"]) == 1


@pytest.mark.case("MODE-018")
def test_messages_and_warnings_are_cut_and_count_the_rest() -> None:
    findings = [finding(Reason.NoProvenance, detail="d" * 400) for _ in range(40)]
    refused = response(verdict(*findings))["status"]["message"]
    assert len(refused.encode()) <= 2048
    *lines, last = refused.splitlines()
    assert last == f"and {40 - len(lines)} more findings"
    assert all(line.endswith("in this repository.") for line in lines)
    warned = response(verdict(*(finding(Reason.NoProvenance, mode=Mode.WARN, detail="d" * 400) for _ in range(40))))
    assert len(warned["warnings"]) == 15
    assert all(len(warning) <= 256 for warning in warned["warnings"])
    assert warned["warnings"][-1] == "and 26 more findings"


@pytest.mark.case("MODE-024")
def test_the_same_refusal_has_the_same_bytes_whatever_the_request() -> None:
    refused = verdict(finding(Reason.NoProvenance))
    first, second = render(request(), refused), render(request(uid="another"), refused)
    assert first.replace(UID.encode(), b"another") == second


def test_the_level_of_a_failed_finding_is_not_recorded_as_proven() -> None:
    answer = response(verdict(finding(Reason.SourceMismatch, level=3)))
    assert "levels" not in answer["auditAnnotations"]
    assert answer["auditAnnotations"]["verdict"] == "refused"


def test_audit_annotations_are_bounded_and_count_the_rest() -> None:
    images = tuple(judged(finding(Reason.Satisfied, level=2), number=number) for number in range(200))
    annotations = response(conclude(images, expected=200))["auditAnnotations"]
    for name in ("digests", "levels"):
        assert len(annotations[name]) <= MAX_ANNOTATION_CHARACTERS + len(",and 200 more")
        assert annotations[name].endswith("more")


@pytest.mark.case("SVC-007")
def test_the_refusal_of_last_resort_is_a_500_that_tells_nothing() -> None:
    answer = json.loads(render_bug(request()))["response"]
    assert (answer["uid"], answer["allowed"]) == (UID, False)
    assert answer["status"]["code"] == 500
    assert answer["status"]["message"].startswith("InternalError: ")
