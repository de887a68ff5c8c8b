"""The closed list of reasons a finding can have, each with what to do about it."""

from enum import Enum


class Outcome(Enum):
    """How a policy judged an image. FAIL: the facts are in and do not satisfy. ERROR: could not find out."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    SKIP = "skip"


class Reason(Enum):
    """Why. The member's name is what users see; `outcome` is the class it belongs to, `remedy` what to do."""

    Satisfied = (Outcome.PASS, "")
    Excepted = (Outcome.SKIP, "Renew or remove the exception before it expires.")
    NoProvenance = (Outcome.FAIL, "Attest the image after the build, in this repository.")
    NotVerified = (Outcome.FAIL, "Look at the detail; rebuild or sign again.")
    BuilderNotTrusted = (Outcome.FAIL, "Add a TrustedBuilder, or build on a trusted one.")
    LevelTooLow = (Outcome.FAIL, "Build on a builder of that level.")
    BuildTypeNotAllowed = (Outcome.FAIL, "Build through the official pipeline.")
    EntryPointMismatch = (Outcome.FAIL, "Build through the official pipeline.")
    TriggerNotAllowed = (Outcome.FAIL, "Build through the official pipeline.")
    ParameterNotAllowed = (Outcome.FAIL, "Build through the official pipeline.")
    SourceMismatch = (Outcome.FAIL, "Build from the official source.")
    RefNotAllowed = (Outcome.FAIL, "Build from an allowed branch or tag.")
    SourceLevelTooLow = (Outcome.FAIL, "Build from a commit whose source level is attested.")
    ConditionFalse = (Outcome.FAIL, "See the condition's message.")
    ConditionError = (Outcome.FAIL, "Guard missing keys in the condition with has().")
    TooOld = (Outcome.FAIL, "Rebuild the image.")
    NoSigningTime = (Outcome.FAIL, "Sign with a transparency log or a timestamp.")
    NoSignature = (Outcome.FAIL, "Sign the image with the named signers.")
    ThresholdNotMet = (Outcome.FAIL, "Sign the image with more of the named signers.")
    Denied = (Outcome.FAIL, "See the policy for why this digest is denied.")
    NoSBOM = (Outcome.FAIL, "Attach an SBOM by an accepted signer.")
    NoAttestation = (Outcome.FAIL, "Attach the attestation by an accepted signer.")
    SummaryMismatch = (Outcome.FAIL, "Have the verifier issue a summary for this image.")
    DependencyLevelTooLow = (Outcome.FAIL, "Build on dependencies of that level.")
    TagNotAllowed = (Outcome.FAIL, "Pin the digest.")
    TagNotPinned = (Outcome.FAIL, "Pin the digest.")
    MalformedReference = (Outcome.FAIL, "Correct the image reference.")
    ImageNotFound = (Outcome.FAIL, "Push the image, or correct the reference.")
    Uncovered = (Outcome.FAIL, "Write a ClusterSLSAPolicy that covers the image.")
    RegistryUnavailable = (Outcome.ERROR, "Look after the registry and the network, then try again.")
    RegistryDenied = (Outcome.ERROR, "Configure credentials or the address of the registry.")
    MalformedManifest = (Outcome.ERROR, "Push the image again; the registry's answer makes no sense.")
    LimitExceeded = (Outcome.ERROR, "See the named limit.")
    DeadlineExceeded = (Outcome.ERROR, "Look after the registry's speed, then try again.")
    PolicyBroken = (Outcome.ERROR, "Mend the policy; the log of Navicert lists all its problems.")
    PoliciesNotSynced = (Outcome.ERROR, "Wait until Navicert has loaded the policies, then try again.")
    TrustRootMissing = (Outcome.ERROR, "Mend the trust root; the log of Navicert lists all its problems.")
    TrustRootStale = (Outcome.ERROR, "Refresh the trust root.")
    InternalError = (Outcome.ERROR, "Report it; the log of Navicert has the trace.")

    outcome: Outcome
    remedy: str

    def __new__(cls, outcome: Outcome, remedy: str) -> "Reason":
        """Number the members: two reasons with one remedy are still two reasons, not aliases."""
        member = object.__new__(cls)
        member._value_ = len(cls.__members__)
        member.outcome, member.remedy = outcome, remedy
        return member
