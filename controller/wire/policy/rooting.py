"""From a TrustRoot to where its keys and documents are; what those say is read by who knows cryptography."""

from collections.abc import Iterator, Mapping

from controller.core.errors import Problem
from controller.wire.policy.common import duration
from controller.wire.policy.compiling import PROBLEMS, identify_as, sound_spec
from controller.wire.policy.nodes import instant
from controller.wire.policy.root import RootKey, RootSpec, Shown, Sigstore
from controller.wire.policy.unlinked import (
    BrokenObject,
    ConfigMapKey,
    KeySpec,
    RequireSpec,
    SigstoreSpec,
    UnlinkedRoot,
)

DOCUMENT_KEY = "trusted_root.json"
Source = Mapping[str, object]


def refreshed_config_map(root: str) -> str:
    """The ConfigMap of Navicert's own namespace in which the refreshed document of this TrustRoot is kept."""
    return f"navicert-trust-root-{root}"


def compile_root(source: Source) -> UnlinkedRoot | BrokenObject:
    """Compile a TrustRoot. Does not parse PEM or the trusted root. Raises MalformedPolicy as `compile_policy` does."""
    name = identify_as(source, "TrustRoot")
    spec, problems = sound_spec(name, source)
    problems = tuple(sorted({*problems, *_repeated_names(spec)}))
    if problems:
        return BrokenObject(kind=name.kind, name=name.name, problems=problems[:PROBLEMS])
    model = RootSpec.model_validate(spec)
    keys = (_key(key, f"spec.keys[{index}].pem") for index, key in enumerate(model.keys or ()))
    return UnlinkedRoot(
        name=name.name,
        keys=tuple(keys),
        sigstore=_sigstore(name.name, model.sigstore) if model.sigstore else None,
        require=_require(model.require) if model.require else RequireSpec(),
        time_root=model.time_root,
        stale_after=duration(model.stale_after),
    )


def _sigstore(name: str, sigstore: Sigstore) -> SigstoreSpec:
    if sigstore.tuf is not None:
        refreshed = ConfigMapKey(name=refreshed_config_map(name), key=DOCUMENT_KEY, refreshed=True)
        return SigstoreSpec(path="spec.sigstore.tuf", config_map=refreshed)
    root = sigstore.trusted_root
    if root is None:
        return SigstoreSpec(path="spec.sigstore.publicGood")
    if root.config_map_ref is not None:
        kept = ConfigMapKey(name=root.config_map_ref.name, key=root.config_map_ref.key, refreshed=False)
        return SigstoreSpec(path="spec.sigstore.trustedRoot.configMapRef", config_map=kept)
    return SigstoreSpec(path="spec.sigstore.trustedRoot.inline", inline=root.inline)


def _require(shown: Shown) -> RequireSpec:
    return RequireSpec(transparency_log=shown.transparency_log, signed_timestamp=shown.signed_timestamp, sct=shown.sct)


def _key(key: RootKey, path: str) -> KeySpec:
    return KeySpec(
        name=key.name,
        pem=key.pem,
        path=path,
        not_before=instant(key.not_before),
        not_after=instant(key.not_after),
        revoked_at=instant(key.revoked_at),
    )


def _repeated_names(spec: Source) -> Iterator[Problem]:
    keys = spec.get("keys")
    seen: set[str] = set()
    for index, key in enumerate(keys if isinstance(keys, list) else ()):
        name = key.get("name") if isinstance(key, dict) else None
        if isinstance(name, str) and name in seen:
            yield Problem(path=f"spec.keys[{index}].name", message="another key of this root has the same name")
        seen.add(str(name))
