"""Putting looked-up keys into compiled objects, in place of what stands for them."""

from collections.abc import Iterable
from dataclasses import replace

from controller.core.matchers import SignerMatcher
from controller.core.policy import Policy
from controller.core.requirements import Requirements, SourceLevelRequirement
from controller.core.slsa import TrustedBuilder
from controller.engine.references import Matchers
from controller.wire.policy import UnlinkedKey

Signers = tuple[SignerMatcher, ...]


def fill_policy(policy: Policy, matchers: Matchers) -> Policy:
    """The policy with every key in place. Raises KeyError when one was not looked up."""
    return replace(
        policy,
        require=None if policy.require is None else _requirements(policy.require, matchers),
        any_of=tuple(_requirements(one, matchers) for one in policy.any_of),
        accept_summaries=tuple(
            replace(entry, signers=_signers(entry.signers, matchers)) for entry in policy.accept_summaries
        ),
    )


def fill_builder(builder: TrustedBuilder, matchers: Matchers) -> TrustedBuilder:
    """The builder with every key in place. Raises KeyError when one was not looked up."""
    return replace(builder, signers=_signers(builder.signers, matchers))


def _signers(signers: Iterable[SignerMatcher], matchers: Matchers) -> Signers:
    return tuple(matchers[one.path] if isinstance(one, UnlinkedKey) else one for one in signers)


def _requirements(require: Requirements, matchers: Matchers) -> Requirements:
    sbom, source_level = require.sbom, require.source_level
    if sbom is not None and sbom.signers is not None:
        sbom = replace(sbom, signers=_signers(sbom.signers, matchers))
    return replace(
        require,
        source_level=None if source_level is None else _source_level(source_level, matchers),
        signatures=tuple(replace(one, signers=_signers(one.signers, matchers)) for one in require.signatures),
        sbom=sbom,
        attestations=tuple(replace(one, signers=_signers(one.signers, matchers)) for one in require.attestations),
    )


def _source_level(required: SourceLevelRequirement, matchers: Matchers) -> SourceLevelRequirement:
    filled = (replace(one, signers=_signers(one.signers, matchers)) for one in required.summaries)
    return replace(required, summaries=tuple(filled))
