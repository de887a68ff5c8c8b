"""Findings that an exception excuses: they skip, and name it."""

from dataclasses import dataclass, replace

from controller.core.exception import PolicyException
from controller.core.image import Digest, Repository
from controller.core.policy import BrokenPolicy, Policy
from controller.core.reasons import Reason
from controller.core.text import printable
from controller.core.verdict import Finding

_OF_THE_REFERENCE = frozenset({Reason.PoliciesNotSynced, Reason.TagNotAllowed, Reason.TagNotPinned})
"""What is answered by the reference alone. What its tag points to now, another policy's evidence may tell: it can move,
and no policy changes what another one says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempting:
    """The exceptions in force, in order of name, and the image that they may be about.

    `repository` is None for a malformed reference, which no exception can mean. `pinned` is the digest in the reference
    itself, `digest` the one that evidence is about; each is None where there is none, or it is unknown. `listed` says
    whether it is known which image it is, and what it consists of.
    """

    exceptions: tuple[PolicyException, ...]
    namespace: str
    repository: Repository | None
    pinned: Digest | None
    digest: Digest | None
    listed: bool

    def excuse(self, finding: Finding, policy: Policy | BrokenPolicy) -> Finding:
        """The finding, or Excepted in its place where an exception covers it.

        Covers failures and ignorance alike (EXC-009), and neither a broken policy (EXC-007) nor a denied digest
        (EXC-013), nor what may be one: with a policy that denies digests no image is excused of which it is not known
        what it is and what it consists of.
        """
        if not finding.unmet or not self._coverable(finding, policy):
            return finding
        covering = (one for one in self.exceptions if self._covers(one, policy, self._digest(finding)))
        exception = next(covering, None)
        return finding if exception is None else _excepted(finding, exception)

    def _coverable(self, finding: Finding, policy: Policy | BrokenPolicy) -> bool:
        if isinstance(policy, BrokenPolicy) or finding.reason is Reason.Denied:
            return False
        return not policy.deny or (self.listed and finding.reason not in _OF_THE_REFERENCE)

    def _digest(self, finding: Finding) -> Digest | None:
        return self.pinned if finding.reason in _OF_THE_REFERENCE else self.digest

    def _covers(self, exception: PolicyException, policy: Policy | BrokenPolicy, digest: Digest | None) -> bool:
        if self.repository is None:
            return False
        return exception.covers(policy.name, self.namespace, self.repository, digest)


def _excepted(finding: Finding, exception: PolicyException) -> Finding:
    """Mode and requirements stay: what would have been is told."""
    name = printable(exception.name, limit=253)
    ticket = printable(exception.ticket) if exception.ticket else None
    where = f" ({ticket})" if ticket else ""
    until = exception.expires.date().isoformat()
    why = f": {finding.detail}" if finding.detail else ""
    detail = f"SLSAException {name}{where} covers this until {until}; it would be {finding.reason.name}{why}"
    proven = replace(finding.proven, exception=name, ticket=ticket)
    return replace(finding, reason=Reason.Excepted, detail=detail, proven=proven)
