"""Judging image signatures: enough distinct signers of those that a policy names."""

from controller.core.answer import Answer, nothing_verified
from controller.core.evidence import Evidence, Kind, VerifiedStatement
from controller.core.image import Repository
from controller.core.matchers import accepted
from controller.core.reasons import Reason
from controller.core.requirements import SignatureRequirement
from controller.core.signer import KeySigner
from controller.core.text import printable
from controller.core.verdict import Proven


def judge_signatures(requirement: SignatureRequirement, evidence: Evidence, repository: Repository) -> Answer:
    """Whether `threshold` distinct keys of the named signers signed this image.

    Counts keys, never names, entries or signatures (KEY-016, SET-008).
    """
    signatures = [statement for statement in evidence.statements if statement.kind is Kind.IMAGE_SIGNATURE]
    if not signatures:
        return nothing_verified(evidence, Kind.IMAGE_SIGNATURE, Reason.NoSignature, "no image signature was found")
    accepted = {
        statement.signer.key: statement.signer
        for statement in signatures
        if isinstance(statement.signer, KeySigner) and _accepts(requirement, statement, repository)
    }
    signers = ", ".join(sorted(str(signer) for signer in accepted.values()))
    if len(accepted) >= requirement.threshold:
        return Answer(reason=Reason.Satisfied, proven=Proven(signer=signers))
    if not accepted:
        return Answer(reason=Reason.NoSignature, detail=_nobody(requirement, signatures))
    detail = f"signed by {signers}: {len(accepted)} of the {requirement.threshold} distinct signers that are asked"
    return Answer(reason=Reason.ThresholdNotMet, detail=detail, proven=Proven(signer=signers))


def _accepts(requirement: SignatureRequirement, statement: VerifiedStatement, repository: Repository) -> bool:
    if requirement.match_repository and statement.repository != repository:
        return False
    return accepted(requirement.signers, statement)


def _nobody(requirement: SignatureRequirement, signatures: list[VerifiedStatement]) -> str:
    found = printable(", ".join(sorted({str(signature.signer) for signature in signatures})))
    asked = ", ".join(sorted(str(signer) for signer in requirement.signers))
    where = " for this repository" if requirement.match_repository else ""
    return f"signed by {found}; a signature{where} by {asked} is asked"
