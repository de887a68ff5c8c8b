"""Every exception that may cross a package border, in one outline.

A refusal is a value, an error is an exception: these say that something could not be read, was not proven, or could
not be found out. `engine.evidence` and the policy loader alone turn them into data; no library's own exception
leaves the package that uses the library.

    NavicertError
      MalformedDocument        bytes are not what they claim to be
        MalformedReview        an AdmissionReview
        MalformedPolicy        an object of the navicert.dev group; carries every problem
        MalformedAttestation   envelope, bundle, statement or predicate
        MalformedReference     an image reference or digest
        MalformedManifest      a manifest, index, referrers list or registry answer
      NotVerified              cryptography said no
      Unavailable              could not find out; carries the reason a finding will show
        RegistryUnavailable    the registry did not answer, or answered 5xx
        RegistryDenied         the registry refused us, or we refused to talk to that address
        ApiServerUnavailable   the Kubernetes API server did not answer as hoped
        TrustRootStale         a trust root is older than it may be
        DeadlineExceeded       the time of this review is used up
        LimitExceeded          a documented bound was hit
"""

from collections.abc import Sequence
from dataclasses import dataclass


class NavicertError(Exception):
    """Base of all errors that Navicert raises on purpose."""


class MalformedDocument(NavicertError):
    """Bytes are not what they claim to be. The message names the place, never quotes foreign text unprinted."""


class MalformedReview(MalformedDocument):
    """Not an AdmissionReview that can be judged."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing wrong with an object of ours: `path` is the field path from the object's root, `message` the mend."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class MalformedPolicy(MalformedDocument):
    """An object of the navicert.dev group that does not compile; `problems` lists everything wrong at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class MalformedAttestation(MalformedDocument):
    """An envelope, bundle, statement or predicate that cannot be read in exactly one way."""


class MalformedReference(MalformedDocument):
    """Not an image reference, repository name or digest."""


class MalformedManifest(MalformedDocument):
    """A registry's answer that is no manifest, index or referrers list, or does not hash to what was asked."""


class NotVerified(NavicertError):
    """Cryptography, time or binding said no. The message says which step, for people."""


class Unavailable(NavicertError):
    """Could not find out: ignorance, which refuses, but is told apart from a failure."""


class RegistryUnavailable(Unavailable):
    """The registry did not answer, answered 5xx or 429, or broke off."""


class RegistryDenied(Unavailable):
    """The registry refused us (401, 403), or the address is one Navicert does not talk to."""


class ApiServerUnavailable(Unavailable):
    """The Kubernetes API server did not answer, or refused."""


class TrustRootStale(Unavailable):
    """The trust root was last refreshed longer ago than it may be."""


class DeadlineExceeded(Unavailable):
    """The time that this review has is used up."""


class LimitExceeded(Unavailable):
    """A documented bound was hit before the evidence was complete; the message names the bound."""
