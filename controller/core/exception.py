"""Exceptions: time-boxed ways around named policies."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.core.image import Digest, Repository
from controller.core.patterns import Glob, ImageGlob
from controller.core.policy import PolicyName


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemptImage:
    """Images that an exception is about: those of a glob, or of them only the one with this digest."""

    images: ImageGlob
    digest: Digest | None = None

    def means(self, repository: Repository, digest: Digest | None) -> bool:
        """Whether this image is meant; where a digest is asked, one that is not known never is."""
        return self.images.matches(repository) and (self.digest is None or self.digest == digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyException:
    """A SLSAException as compiled. `created` is None outside of a cluster, where nothing records it."""

    name: str
    policies: frozenset[PolicyName]
    namespaces: tuple[Glob, ...]
    images: tuple[ExemptImage, ...]
    expires: datetime
    created: datetime | None
    reason: str
    ticket: str | None = None

    def counts(self, *, now: datetime, maximum: timedelta) -> bool:
        """Whether it is in force: not expired (from that second on it is), and never meant to last longer than
        `maximum` after it was made, so that edits can't renew it for ever."""
        return now < self.expires <= (self.created or now) + maximum

    def covers(self, policy: PolicyName, namespace: str, repository: Repository, digest: Digest | None) -> bool:
        """Whether this finding is one that it excuses, as far as policy, namespace and image go."""
        return (
            policy in self.policies
            and any(glob.matches(namespace) for glob in self.namespaces)
            and any(image.means(repository, digest) for image in self.images)
        )
