"""Judging image signatures: enough distinct entries, each met by a signer of its own."""

from controller.core.answer import Answer, nothing_verified
from controller.core.evidence import Evidence, Kind, VerifiedStatement
from controller.core.image import Repository
from controller.core.reasons import Reason
from controller.core.requirements import SignatureRequirement
from controller.core.signer import identity
from controller.core.text import printable
from controller.core.verdict import Proven

Identity = tuple[str, ...]


def judge_signatures(requirement: SignatureRequirement, evidence: Evidence, repository: Repository) -> Answer:
    """Whether `threshold` distinct entries are met, each by an identity or key of its own.

    Counts whom a certificate names and which key it is, whatever root, name or number of signatures (KEY-016,
    SET-008).
    """
    signatures = [one for one in evidence.statements if one.kind is Kind.IMAGE_SIGNATURE and one.signer is not None]
    if not signatures:
        return nothing_verified(evidence, Kind.IMAGE_SIGNATURE, Reason.NoSignature, "no image signature was found")
    entries = _entries(requirement, signatures, repository)
    accepted = {who: name for met in entries for who, name in met.items()}
    if not accepted:
        return Answer(reason=Reason.NoSignature, detail=_nobody(requirement, signatures), closeness=2)
    met = _matched(entries)
    signers = printable(", ".join(sorted(set(accepted.values()))))
    if met >= requirement.threshold:
        return Answer(reason=Reason.Satisfied, proven=Proven(signer=signers))
    detail = f"signed by {signers}: {met} of the {requirement.threshold} distinct signers that are asked"
    return Answer(reason=Reason.ThresholdNotMet, detail=detail, closeness=3, proven=Proven(signer=signers))


def _entries(
    requirement: SignatureRequirement, signatures: list[VerifiedStatement], repository: Repository
) -> list[dict[Identity, str]]:
    """For each entry who meets it, with a name to tell."""
    counting = [one for one in signatures if not requirement.match_repository or one.repository == repository]
    return [
        {identity(one.signer): str(one.signer) for one in counting if one.signer is not None and entry.accepts(one)}
        for entry in requirement.signers
    ]


def _matched(entries: list[dict[Identity, str]]) -> int:
    """The most entries that can each have a signer of their own: a maximum matching, by augmenting paths."""
    holders: dict[Identity, int] = {}
    return sum(_augment(number, entries, holders, set()) for number in range(len(entries)))


def _augment(
    number: int, entries: list[dict[Identity, str]], holders: dict[Identity, int], tried: set[Identity]
) -> bool:
    """Give this entry a signer, moving others to another of theirs where needed. No deeper than entries are many."""
    for who in sorted(entries[number]):
        if who in tried:
            continue
        tried.add(who)
        if who not in holders or _augment(holders[who], entries, holders, tried):
            holders[who] = number
            return True
    return False


def _nobody(requirement: SignatureRequirement, signatures: list[VerifiedStatement]) -> str:
    found = printable(", ".join(sorted({str(signature.signer) for signature in signatures})))
    asked = printable(", ".join(sorted(str(signer) for signer in requirement.signers)))
    where = " for this repository" if requirement.match_repository else ""
    return f"signed by {found}; a signature{where} by {asked} is asked"
