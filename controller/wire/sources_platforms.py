"""The source in what Google Cloud Build, GitLab, Tekton Chains and BuildKit attest, each in its own dialect.

No certificate repeats it: it is the predicate's own word, and as good as whoever wrote the predicate. Archives that
somebody uploaded and local directories are no source (SRC-024); a repository is one whose commit is told.
"""

import re
from dataclasses import replace

import msgspec

from controller.core.provenance import SourceClaim
from controller.core.source import normalise_source
from controller.wire.sources import Build, Origin, Resource, agreed, contradiction, only, read_part, split_revision

_COMMIT_PAGE = re.compile(r"(?P<repository>[^?#]+)/commit/(?P<commit>[0-9a-f]{40})")
_GIT_CONTEXT = re.compile(r"(?P<repository>[^#]+\.git)(?:#(?P<ref>[^:]*)(?::(?P<folder>.*))?)?", re.DOTALL)
_SHA1 = re.compile(r"[0-9a-f]{40}")


class _ConfigSource(msgspec.Struct, frozen=True):
    repository: str | None = None
    ref: str | None = None
    path: str | None = None


class _Checkout(msgspec.Struct, frozen=True, rename="camel"):
    """Google Cloud Build's parameters, and Tekton Chains'."""

    build_config_source: _ConfigSource | None = None
    source_to_build: _ConfigSource | None = None


class _Job(msgspec.Struct, frozen=True):
    source: str | None = None


class _Context(msgspec.Struct, frozen=True):
    uri: str | None = None
    digest: dict[str, str] | None = None
    path: str | None = None


class _BuildKit(msgspec.Struct, frozen=True, rename="camel"):
    config_source: _Context | None = None


def cloud_build_worker(build: Build) -> Origin:
    """Google Cloud Build's first dialect (v0.1, GoogleHostedWorker@v0.2): the address of the commit."""
    found = _COMMIT_PAGE.fullmatch(build.config.uri)
    repository = normalise_source(found["repository"]) if found else None
    if found is None or repository is None:
        return Origin()
    return Origin(source=SourceClaim(repository=repository, commit=found["commit"], entry_point=build.entry_point))


def cloud_build_recipe(build: Build) -> Origin:
    """Google Cloud Build's second dialect (v0.1, CloudBuildYaml and CloudBuildSteps): a repository and its commit.

    The ref stands in substitutions only, which whoever starts a build by hand may choose: it is not told.
    """
    source = agreed(build.config, (), entry_point=build.entry_point)
    return Origin(source=source) if source.commit else Origin()


def cloud_build(build: Build) -> Origin:
    """Google Cloud Build's third dialect (v1, google-worker): what was built, from where its configuration came.

    The commit is that of the git dependency; one of another repository contradicts the parameters.
    """
    checkout = read_part(build.parameters, _Checkout)
    config = checkout.build_config_source or _ConfigSource()
    named = [each for each in (checkout.source_to_build, config) if each is not None and each.repository]
    said = {(normalise_source(each.repository or ""), each.ref or None) for each in named}
    git = [each for each in build.resources if each.uri.startswith("git+")]
    built = {split_revision(each.uri)[0] for each in git}
    if len(said) > 1:
        return Origin(source=contradiction(*(f"{each.repository}@{each.ref}" for each in named)))
    if said and built and built != {repository for repository, _ in said}:
        return Origin(source=contradiction(f"{named[0].repository}", git[0].uri))
    repository, ref = only(said) or (None, None)
    commit = only(each.commit for each in git)
    if repository is None or commit is None:
        return Origin()
    return Origin(source=SourceClaim(repository=repository, ref=ref, commit=commit, entry_point=config.path or None))


def gitlab(build: Build) -> Origin:
    """GitLab runner's v0.2. Its entry point is a job's name and no path: not told (SRC-016)."""
    source = agreed(build.config, build.resources)
    return Origin(source=_with_gitlab_commit(source, build.config))


def gitlab_v1(build: Build) -> Origin:
    """GitLab's v1, by its runners or by the platform: `source`; its commit is that of the dependency so addressed."""
    uri = read_part(build.parameters, _Job).source or ""
    described = next((each for each in build.resources if each.uri == uri), Resource(uri=uri))
    return Origin(source=_with_gitlab_commit(agreed(described, ()), described))


def _with_gitlab_commit(source: SourceClaim, resource: Resource) -> SourceClaim:
    """Its runners write the commit under `sha256` (SRC-021); nobody else's 40 digits are one there."""
    digits = resource.digests.get("sha256", "")
    repository = normalise_source(resource.uri)
    if source.commit or repository is None or repository != source.repository or not _SHA1.fullmatch(digits):
        return source
    return replace(source, commit=digits)


def tekton(build: Build) -> Origin:
    """Tekton Chains' v0.2: the one git repository among the materials, which tasks reported.

    The config source is where the pipeline's definition came from, which may be elsewhere.
    """
    return _tekton(build.resources, build.config.uri, build.entry_point)


def tekton_v1(build: Build) -> Origin:
    """Tekton Chains' v1: the one git repository among the dependencies that stand for reported inputs."""
    config = read_part(build.parameters, _Checkout).build_config_source or _ConfigSource()
    inputs = tuple(each for each in build.resources if each.name == "inputs/result")
    return _tekton(inputs, config.repository or "", config.path)


def _tekton(resources: tuple[Resource, ...], config: str, entry_point: str | None) -> Origin:
    """An entry point counts where the pipeline's definition comes from the source itself: elsewhere it is foreign."""
    git = [each for each in resources if each.uri.startswith("git+") and each.commit]
    repository = only(split_revision(each.uri)[0] for each in git)
    if repository is None:
        return Origin()
    path = entry_point if split_revision(config)[0] == repository else None
    commit = only(each.commit for each in git)
    return Origin(source=SourceClaim(repository=repository, commit=commit, entry_point=path or None))


def buildkit(build: Build) -> Origin:
    """BuildKit's v0.2: the context's address."""
    return _context(build.config, build.entry_point)


def buildkit_v1(build: Build) -> Origin:
    """BuildKit's v1: the context's address, among the external parameters."""
    given = read_part(build.parameters, _BuildKit).config_source or _Context()
    return _context(Resource(uri=given.uri or "", digests=given.digest or {}), given.path)


def _context(config: Resource, entry_point: str | None) -> Origin:
    """`https://host/path.git#ref:folder`, anything after the repository optional. Other addresses are archives."""
    found = _GIT_CONTEXT.fullmatch(config.uri)
    repository = normalise_source(found["repository"]) if found else None
    if found is None or repository is None or config.commit is None:
        return Origin()
    ref = found["ref"] or ""
    return Origin(
        source=SourceClaim(
            repository=repository,
            ref=ref if ref.startswith("refs/") else None,
            commit=config.commit,
            entry_point=None if found["folder"] else entry_point or None,
        )
    )
