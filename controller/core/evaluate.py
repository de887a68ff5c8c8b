"""Evaluating policies on the evidence of one image: facts in, findings out. No I/O, no clock."""

from collections.abc import Iterable
from dataclasses import replace

from controller.core.answer import Answer, ignorance
from controller.core.condition import View
from controller.core.evidence import Evidence
from controller.core.exempting import Exempting
from controller.core.image import Digest, ImageReference
from controller.core.judgement import judge_requirements
from controller.core.match import Applies
from controller.core.policy import BrokenPolicy, Mode, Policy, Tags, Uncovered
from controller.core.policyset import PolicySet
from controller.core.question import Moment, Question
from controller.core.reasons import Reason
from controller.core.season import Said, Season
from controller.core.selection import Selected
from controller.core.text import printable
from controller.core.verdict import Finding, ImageVerdict
from controller.core.work import OF_ASKING_AGAIN, size_of_labels
from controller.core.workload import Form, Workload, WorkloadImage

_UNCOVERED = {
    setting: Finding(
        policy=None,
        mode=mode,
        reason=Reason.Uncovered,
        detail="no ClusterSLSAPolicy in Enforce or Warn asks where this image comes from",
    )
    for setting, mode in ((Uncovered.ALLOW, Mode.AUDIT), (Uncovered.WARN, Mode.WARN), (Uncovered.DENY, Mode.ENFORCE))
}
_WITHOUT_EVIDENCE = frozenset(
    {
        Reason.Denied,
        Reason.ImageNotFound,
        Reason.MalformedReference,
        Reason.PoliciesNotSynced,
        Reason.PolicyBroken,
        Reason.TagNotAllowed,
        Reason.TagNotPinned,
    }
)
_MAX_PROBLEMS_TOLD = 3
_MOVES = "judged by what the tag points to now; it can move"


def select(policies: PolicySet, workload: Workload, image: WorkloadImage) -> Selected:
    """The policies that are about this image of this workload, or may be, in order of name. All of them apply."""
    return policies.scopes.select(workload, image.reference.repository if image.reference else None)


def needs_evidence(selected: Selected, form: Form, image: WorkloadImage) -> bool:
    """Whether any selected policy can't be judged without the registry. Images that none matches never need it."""
    if image.reference is None:
        return False
    if image.reference.digest is not None and not selected.denies:
        return selected.asks_evidence  # no rule on tags is about it
    return any(_static(policy, form, image.reference) is None for policy in selected.sound)


def judge_image(
    policies: PolicySet,
    workload: Workload,
    image: WorkloadImage,
    *,
    selected: Selected,
    evidence: Evidence | None,
    moment: Moment,
) -> ImageVerdict:
    """All findings on one image, of the policies that `select` found to be about it.

    `evidence` is None only when `needs_evidence` said no: with none, a policy that needs some raises ValueError.
    """
    digest = evidence.digest if evidence else (image.reference.digest if image.reference else None)
    findings = _findings(policies, workload, image, selected, evidence, moment)
    if policies.exceptions:
        exempting = _exempting(policies, workload, image, evidence, moment)
        findings = tuple(exempting.excuse(one, policy) for one, (policy, _) in zip(findings, selected, strict=True))
    covered = selected.covers if image.reference else selected.covers_unread
    if not covered:
        findings = (*findings, _UNCOVERED[moment.uncovered])
    if workload.mirror:
        findings = tuple(replace(finding, mode=Mode.AUDIT) for finding in findings)
    return ImageVerdict(image=image, digest=digest, covered=covered, findings=findings)


def children_matter(findings: Iterable[Finding], evidence: Evidence) -> bool:
    """Whether gathering the evidence of children that was not gathered could change any of these findings.

    It can't where something else than missing evidence refuses: a denied digest, a rule on tags, a broken policy.
    """
    if not evidence.unread or evidence.digest is None or not evidence.found:
        return False
    return any(
        finding.unmet and finding.policy is not None and finding.reason not in _WITHOUT_EVIDENCE for finding in findings
    )


def _findings(
    policies: PolicySet,
    workload: Workload,
    image: WorkloadImage,
    selected: Selected,
    evidence: Evidence | None,
    moment: Moment,
) -> tuple[Finding, ...]:
    """What each policy finds, exceptions aside.

    For equal facts that is worked out once in a season. Besides evidence, policies and time these are all that has a
    say: conditions pay for the size of the labels, and those that look at the time or the workload are asked again. The
    namespace has decided which policies are about it, and is told only where that is not known. Where the evidence of
    dependencies is at hand, it is judged anew.
    """
    if evidence is None or evidence.digest is None or image.reference is None:
        return tuple([_judge(workload, image, policy, applies, evidence, None) for policy, applies in selected])
    reference = image.reference

    def judge(season: Season) -> tuple[Finding, ...]:
        question = Question.of(policies, workload, reference, evidence, moment, season)
        members = selected.members
        found = {place: _judge(workload, image, *members[place], evidence, question) for place in selected.in_turn}
        return tuple([found[place] for place in range(len(members))])

    if moment.dependencies:
        return judge(Season(moment.now))
    paid = size_of_labels(workload.labels) if selected.conditional else 0
    work = moment.work if selected.conditional else 0
    about = (reference, workload.form, workload.namespace if selected.unsure else None, paid, work)
    digest, units = evidence.digest, moment.work // OF_ASKING_AGAIN  # apart from what judging may cost

    def still(said: tuple[Said, ...]) -> bool:
        view = View(reference=reference, digest=digest, workload=workload, now=moment.now, units=units)
        return all(one.condition.test(view.beside(one.statement))[0] is one.held for one in said)

    return policies.recall.meanwhile(evidence, selected, about, moment.now, judge, still)


def _exempting(
    policies: PolicySet, workload: Workload, image: WorkloadImage, evidence: Evidence | None, moment: Moment
) -> Exempting:
    return Exempting(
        exceptions=tuple(
            one for one in policies.exceptions if one.counts(now=moment.now, maximum=moment.exception_maximum)
        ),
        namespace=workload.namespace,
        repository=image.reference.repository if image.reference else None,
        pinned=image.reference.digest if image.reference else None,
        digest=evidence.digest if evidence else None,
        listed=evidence is not None and evidence.digest is not None and evidence.unlisted is None,
    )


def _judge(
    workload: Workload,
    image: WorkloadImage,
    policy: Policy | BrokenPolicy,
    applies: Applies,
    evidence: Evidence | None,
    question: Question | None,
) -> Finding:
    answer = (
        _unjudgeable(workload, image, policy, applies)
        if isinstance(policy, BrokenPolicy) or image.reference is None or applies is Applies.UNKNOWN
        else evaluate(policy, workload.form, image.reference, evidence, question)
    )
    return Finding(
        policy=policy.name,
        mode=policy.mode,
        reason=answer.reason,
        detail=answer.detail,
        proven=answer.proven,
        requirements=answer.requirements,
    )


def _unjudgeable(workload: Workload, image: WorkloadImage, policy: Policy | BrokenPolicy, applies: Applies) -> Answer:
    if isinstance(policy, BrokenPolicy):
        told = "; ".join(str(problem) for problem in policy.problems[:_MAX_PROBLEMS_TOLD])
        return Answer(reason=Reason.PolicyBroken, detail=printable(told, limit=400))
    if applies is Applies.UNKNOWN:
        detail = (
            f"the labels of namespace {printable(workload.namespace)} are not known, so it is not known if this applies"
        )
        return Answer(reason=Reason.PoliciesNotSynced, detail=detail)
    return Answer(reason=Reason.MalformedReference, detail=f"{image.text!r} is not an image reference")


def evaluate(
    policy: Policy, form: Form, reference: ImageReference, evidence: Evidence | None, question: Question | None
) -> Answer:
    """What a sound policy says of an image that it is about: the first requirement that is not met, or Satisfied.

    Ignorance never fails and never passes: where a gap in the evidence could have made the difference, the answer is
    the gap's error. Raises ValueError when evidence is needed and none is given.
    """
    static = _static(policy, form, reference)
    if static is not None:
        return static
    if evidence is None:
        raise ValueError("this policy can't be judged without evidence")
    if not evidence.found:
        return Answer(reason=Reason.ImageNotFound, detail="the registry says there is no such image")
    if question is None:
        return ignorance(evidence.gaps[0])
    denied = next((one for one in evidence.digests if one in policy.deny), None) if policy.deny else None
    if denied is not None:
        return _denied(denied)
    answer = judge_requirements(policy, question)
    if not answer.satisfied:
        return answer
    if policy.deny and evidence.unlisted is not None:
        return ignorance(evidence.unlisted, besides=answer)
    if reference.digest is not None:
        return answer
    return replace(answer, detail="; ".join(text for text in (answer.detail, _MOVES) if text))


def _static(policy: Policy, form: Form, reference: ImageReference) -> Answer | None:
    """What needs no registry: an answer that is final, or None when evidence must decide."""
    if reference.digest is not None and reference.digest in policy.deny:
        return _denied(reference.digest)
    if reference.digest is None and policy.tags is Tags.DENY:
        return Answer(reason=Reason.TagNotAllowed, detail="the image is named by a tag, which can move")
    pins = policy.tags is Tags.PIN and policy.mode is Mode.ENFORCE and form is Form.POD
    if reference.digest is None and pins:
        return Answer(
            reason=Reason.TagNotPinned, detail="the image is named by a tag that was not pinned to its digest"
        )
    if not policy.wanted and (reference.digest is not None or not policy.deny):
        return Answer(reason=Reason.Satisfied, detail="" if reference.digest else _MOVES)
    return None


def _denied(digest: Digest) -> Answer:
    return Answer(reason=Reason.Denied, detail=f"the policy denies {digest}")
