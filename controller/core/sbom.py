"""Judging SBOMs: one of a format that is asked, by whom the policy names or by the signer of the provenance."""

from collections.abc import Callable, Iterable

from controller.core.answer import Answer
from controller.core.evidence import Evidence, Kind, VerifiedStatement
from controller.core.matchers import accepted
from controller.core.reasons import Reason
from controller.core.requirements import SBOMRequirement
from controller.core.signer import CertificateSigner, KeySigner, Signer, identity
from controller.core.text import printable
from controller.core.verdict import Proven

Accepts = Callable[[VerifiedStatement], bool]


def judge_sbom(requirement: SBOMRequirement, evidence: Evidence) -> Answer:
    """Whether there is an SBOM by one of the signers that the policy names."""
    signers = requirement.signers or ()
    asked = printable(", ".join(sorted(str(signer) for signer in signers)))
    return _judge(requirement, evidence, lambda statement: accepted(signers, statement), asked)


def judge_bound_sbom(requirement: SBOMRequirement, evidence: Evidence, signers: Iterable[Signer]) -> Answer:
    """Whether there is an SBOM by any of these, who signed provenance that met the build requirements."""
    known = tuple(signers)
    asked = printable(", ".join(sorted({str(signer) for signer in known})) or "nobody: no provenance meets the policy")
    return _judge(requirement, evidence, lambda statement: _is_any(statement.signer, known), asked)


def same_signer(first: Signer, second: Signer) -> bool:
    """Whether two statements are by one signer: the same trust root and key, or root, issuer and name.

    Of certificates that tell the source both come from the same repository: a reusable workflow signs for everybody
    who calls it, under one name (SUM-029).
    """
    if first.trust_root != second.trust_root or identity(first) != identity(second):
        return False
    if isinstance(first, KeySigner) or isinstance(second, KeySigner):
        return True
    return _repository(first) == _repository(second)


def _repository(signer: CertificateSigner) -> tuple[str | None, str | None]:
    return signer.extensions.source_repository_uri, signer.extensions.workflow_repository


def _is_any(signer: Signer | None, known: tuple[Signer, ...]) -> bool:
    return signer is not None and any(same_signer(signer, one) for one in known)


def _judge(requirement: SBOMRequirement, evidence: Evidence, accepts: Accepts, asked: str) -> Answer:
    """Always NoSBOM: what was refused, or is by somebody else, or in another format, is none (SUM-017 to SUM-019)."""
    found = [statement for statement in evidence.statements if statement.kind is Kind.SBOM]
    fitting = [one for one in found if one.sbom is not None and one.sbom.format in requirement.formats]
    for statement in fitting:
        if accepts(statement):
            proven = Proven(signer=printable(str(statement.signer)), signed_at=statement.signed_at)
            return Answer(reason=Reason.Satisfied, proven=proven)
    formats = " or ".join(sorted(one.value for one in requirement.formats))
    if not found:
        refused = next((one.detail for one in evidence.refused if one.kind is Kind.SBOM), "")
        beside = f"; one that was found does not hold: {refused}" if refused else ""
        return Answer(reason=Reason.NoSBOM, detail=f"no SBOM ({formats}) about this digest was found{beside}")
    if not fitting:
        return Answer(reason=Reason.NoSBOM, detail=f"no SBOM is in a format that is asked: {formats}", closeness=1)
    by = printable(", ".join(sorted({str(one.signer) if one.signer else "nobody" for one in fitting})))
    return Answer(reason=Reason.NoSBOM, detail=f"the SBOM is by {by}; one by {asked} is asked", closeness=2)
