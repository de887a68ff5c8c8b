"""The in-toto statements that the sample images carry (in-toto Statement v1, SLSA provenance v1)."""

from dataclasses import dataclass
from typing import Any

from controller.core.image import Digest
from controller.core.predicates import COSIGN_SIGN_V1, PROVENANCE_V1

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the provenance of a sample says: which builder built which ref of which repository."""

    builder_id: str = "https://builds.acme.example/platform"
    repository: str = "https://github.com/acme/shop"
    ref: str = "refs/tags/v1.2.3"


def provenance(subject: Digest, origin: Origin) -> dict[str, Any]:
    """An unsigned provenance statement about `subject` (SLSA provenance v1, schema)."""
    workflow = {"repository": origin.repository, "ref": origin.ref, "path": ".github/workflows/release.yml"}
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"workflow": workflow},
            "resolvedDependencies": [{"uri": f"git+{origin.repository}@{origin.ref}"}],
        },
        "runDetails": {"builder": {"id": origin.builder_id}},
    }
    return _statement(subject, PROVENANCE_V1, predicate)


def image_signature(subject: Digest) -> dict[str, Any]:
    """The statement that stands for "I signed this image" (cosign sign/v1: an empty predicate)."""
    return _statement(subject, COSIGN_SIGN_V1, {})


def _statement(subject: Digest, predicate_type: str, predicate: dict[str, Any]) -> dict[str, Any]:
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"digest": {"sha256": subject.hex}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
