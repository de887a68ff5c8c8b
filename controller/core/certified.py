"""What a certificate says of the source, and whether the predicate beside it agrees.

Fulcio's oid-info.md: 1.3.6.1.4.1.57264.1.N. Extension 9 and the name are the builder, never the source: a reusable
workflow that another repository calls has that repository in 12 (SIGN-037).
"""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter

from controller.core.evidence import VerifiedStatement
from controller.core.provenance import SourceClaim
from controller.core.signer import CertificateSigner, Extensions, Signer
from controller.core.source import normalise_source
from controller.core.text import printable

_GITHUB_ISSUER = "https://token.actions.githubusercontent.com"  # an enterprise's own is a path below it
_OLD = frozenset({"workflow_trigger", "workflow_sha", "workflow_name", "workflow_repository", "workflow_ref"})
_NEW = frozenset(field.name for field in fields(Extensions)) - _OLD
_OLD_SOURCE = _OLD - {"workflow_name"}
_NEW_SOURCE = frozenset(
    {
        "source_repository_uri",
        "source_repository_digest",
        "source_repository_ref",
        "source_repository_id",
        "source_repository_owner_id",
        "build_config_uri",
        "build_trigger",
    }
)
_ANY_SOURCE: Callable[[Extensions], tuple[str | None, ...]] = attrgetter(*sorted(_NEW_SOURCE | _OLD_SOURCE))
_ANY_NEW: Callable[[Extensions], tuple[str | None, ...]] = attrgetter(*sorted(_NEW))
_SAID = tuple(field.name for field in fields(SourceClaim))


def certified_source(signer: Signer | None) -> SourceClaim | None:
    """The source by the word of the certificate; None when it carries no source extension, and for keys.

    The present generation decides wherever any of it is there, the first one only alone (SRC-035). What is not
    carried is None: unknown, and no expectation's match (SRC-041). A repository that can't be normalised stays as it
    is written, and equals no expectation.
    """
    if not isinstance(signer, CertificateSigner):
        return None
    extensions = signer.extensions
    if not _carries(extensions, _ANY_SOURCE):
        return None
    return _present(extensions) if _carries(extensions, _ANY_NEW) else _first(signer)


def certified_runner(signer: Signer | None) -> str | None:
    """The runner environment by the word of the certificate (11); None when it does not say."""
    return signer.extensions.runner_environment if isinstance(signer, CertificateSigner) else None


def contradiction(statement: VerifiedStatement, certified: SourceClaim | None) -> str | None:
    """Where the predicate says something else than the certificate, in words that are fit to print; None if nowhere.

    `certified` is `certified_source` of its signer. What either of them does not say is no disagreement (SIGN-036),
    and the predicate only says what its build type defines (SRC-016).
    """
    provenance = statement.provenance
    if provenance is None:
        return None
    pairs = [("runner environment", certified_runner(statement.signer), provenance.runner_environment)]
    if certified is not None:
        pairs += [(name, getattr(certified, name), getattr(provenance.source, name)) for name in _SAID]
    for name, sealed, written in pairs:
        if sealed is not None and written is not None and sealed != written:
            words = name.replace("_", " ")
            return f"the provenance says {words} {printable(written)}, its certificate {printable(sealed)}"
    return None


def _carries(extensions: Extensions, fetch: Callable[[Extensions], tuple[str | None, ...]]) -> bool:
    return any(text is not None for text in fetch(extensions))


def _present(extensions: Extensions) -> SourceClaim:
    uri = extensions.source_repository_uri
    return SourceClaim(
        repository=None if uri is None else normalise_source(uri) or uri,
        ref=extensions.source_repository_ref,
        commit=extensions.source_repository_digest,
        entry_point=_entry_point(extensions),
        trigger=extensions.build_trigger,
        repository_id=extensions.source_repository_id,
        owner_id=extensions.source_repository_owner_id,
    )


def _entry_point(extensions: Extensions) -> str | None:
    """The path in `<repository>/<path>@<ref>` (18), between the repository (12) and the ref (14) that stand alone.

    Nothing is split: paths and refs may hold an @. GitLab writes two slashes between repository and path. None when
    the build was configured in another repository or at another ref than it built.
    """
    config, repository, ref = (
        extensions.build_config_uri,
        extensions.source_repository_uri,
        extensions.source_repository_ref,
    )
    if not config or not repository or not ref:
        return None
    before, behind = f"{repository}/", f"@{ref}"
    inside = config.startswith(before) and config.endswith(behind)
    return config[len(before) : -len(behind)].removeprefix("/") or None if inside else None


def _first(signer: CertificateSigner) -> SourceClaim:
    extensions = signer.extensions
    return SourceClaim(
        repository=_first_repository(signer),
        ref=extensions.workflow_ref,
        commit=extensions.workflow_sha,
        trigger=extensions.workflow_trigger,
    )


def _first_repository(signer: CertificateSigner) -> str | None:
    """The first generation names owner and repository (5) and no host: the issuer tells it, if it is GitHub's."""
    path = signer.extensions.workflow_repository
    if path is None:
        return None
    of_github = signer.issuer == _GITHUB_ISSUER or signer.issuer.startswith(f"{_GITHUB_ISSUER}/")
    return (normalise_source(f"https://github.com/{path}") if of_github else None) or path
