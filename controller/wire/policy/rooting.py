"""From a TrustRoot to where its keys and documents are; what those say is read by who knows cryptography."""

from collections.abc import Iterator, Mapping
from typing import cast

from controller.core.errors import Problem
from controller.wire.policy.compiling import PROBLEMS, identify_as, sound_spec
from controller.wire.policy.nodes import instant
from controller.wire.policy.root import RootKey, RootSpec, Shown, Sigstore
from controller.wire.policy.tuf import TufSource, tuf_source
from controller.wire.policy.unlinked import (
    BrokenObject,
    ConfigMapKey,
    KeySpec,
    RequireSpec,
    SigstoreSpec,
    UnlinkedRoot,
)

Source = Mapping[str, object]


def compile_root(source: Source) -> UnlinkedRoot | BrokenObject:
    """Compile a TrustRoot. Does not parse PEM or the trusted root. Raises MalformedPolicy as `compile_policy` does."""
    name = identify_as(source, "TrustRoot")
    read, spec, problems = sound_spec(name, source)
    problems = tuple(sorted({*problems, *_repeated_names(spec)}))
    if problems:
        return BrokenObject(kind=name.kind, name=name.name, problems=problems[:PROBLEMS])
    model = cast("RootSpec", read)
    keys = (_key(key, f"spec.keys[{index}].pem") for index, key in enumerate(model.keys or ()))
    return UnlinkedRoot(
        name=name.name,
        keys=tuple(keys),
        sigstore=_sigstore(model.sigstore, tuf_source(source)) if model.sigstore else None,
        require=_require(model.require) if model.require else RequireSpec(),
        time_root=model.time_root,
    )


def _sigstore(sigstore: Sigstore, tuf: TufSource | None) -> SigstoreSpec:
    if tuf is not None:
        return SigstoreSpec(path="spec.sigstore.tuf", tuf=tuf)
    root = sigstore.trusted_root
    if root is None:
        return SigstoreSpec(path="spec.sigstore.publicGood")
    if root.config_map_ref is not None:
        kept = ConfigMapKey(name=root.config_map_ref.name, key=root.config_map_ref.key)
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
