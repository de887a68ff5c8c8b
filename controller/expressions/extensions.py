"""The names that the API has for certificate extensions: one list for signer entries and for conditions."""

from collections.abc import Mapping

EXTENSIONS: Mapping[str, str] = {
    "buildSignerURI": "build_signer_uri",
    "buildSignerDigest": "build_signer_digest",
    "runnerEnvironment": "runner_environment",
    "sourceRepositoryURI": "source_repository_uri",
    "sourceRepositoryDigest": "source_repository_digest",
    "sourceRepositoryRef": "source_repository_ref",
    "sourceRepositoryID": "source_repository_id",
    "sourceRepositoryOwnerURI": "source_repository_owner_uri",
    "sourceRepositoryOwnerID": "source_repository_owner_id",
    "buildConfigURI": "build_config_uri",
    "buildConfigDigest": "build_config_digest",
    "buildTrigger": "build_trigger",
    "runInvocationURI": "run_invocation_uri",
    "sourceRepositoryVisibilityAtSigning": "source_repository_visibility",
}
"""Names in objects, as Fulcio writes them, to fields of `controller.core.signer.Extensions`."""
