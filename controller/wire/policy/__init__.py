"""The kinds of navicert.dev: models of what they may say, and compiling what objects of them do say.

The models are private: what leaves this package is compiled, or the list of everything that is wrong.
"""

from controller.wire.policy.compiling import PROBLEMS, compile_builder, compile_exception, compile_policy
from controller.wire.policy.files import parse_documents, parse_objects
from controller.wire.policy.kinds import API_VERSION, GROUP, KINDS, VERSION, Kind, ObjectName, identify
from controller.wire.policy.rooting import compile_root
from controller.wire.policy.unlinked import (
    BrokenObject,
    BuilderReference,
    CertificateReference,
    ConfigMapKey,
    InlineKey,
    KeyReference,
    KeySpec,
    Reference,
    RequireSpec,
    SigstoreSpec,
    UnlinkedBuilder,
    UnlinkedException,
    UnlinkedKey,
    UnlinkedPolicy,
    UnlinkedRoot,
)

__all__ = [
    "API_VERSION",
    "GROUP",
    "KINDS",
    "PROBLEMS",
    "VERSION",
    "BrokenObject",
    "BuilderReference",
    "CertificateReference",
    "ConfigMapKey",
    "InlineKey",
    "KeyReference",
    "KeySpec",
    "Kind",
    "ObjectName",
    "Reference",
    "RequireSpec",
    "SigstoreSpec",
    "UnlinkedBuilder",
    "UnlinkedException",
    "UnlinkedKey",
    "UnlinkedPolicy",
    "UnlinkedRoot",
    "compile_builder",
    "compile_exception",
    "compile_policy",
    "compile_root",
    "identify",
    "parse_documents",
    "parse_objects",
]
