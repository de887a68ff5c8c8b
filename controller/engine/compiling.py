"""One object compiled as far as it goes by itself: what it says, its PEM, and the documents it holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from controller.core.errors import MalformedDocument, Problem
from controller.trust.keys import PublicKey, parse_public_key
from controller.trust.root import Require, RootKey, SigstoreMaterial, TrustRoot, compile_sigstore, public_good
from controller.wire.configmap import ConfigMap
from controller.wire.policy import (
    BrokenObject,
    ConfigMapKey,
    InlineKey,
    KeySpec,
    Reference,
    SigstoreSpec,
    UnlinkedBuilder,
    UnlinkedException,
    UnlinkedPolicy,
    UnlinkedRoot,
    compile_builder,
    compile_exception,
    compile_policy,
    compile_root,
    identify,
)
from controller.wire.policy.tuf import TufSource
from controller.wire.refreshed import RefreshedRoot, source_of
from controller.wire.trustedroot import parse_trusted_root

_DOCUMENTS = 64  # parsed trusted roots that are kept: one for each root of a large cluster, and its last versions
_PEMS = 512  # parsed keys that are kept

Source = Mapping[str, object]
Keys = Mapping[str, PublicKey]
"""The keys that an object brings itself, by the field path they stand at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedPolicy:
    """A policy with its inline keys parsed; `problems` are those with their PEM."""

    unlinked: UnlinkedPolicy
    keys: Keys = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedBuilder:
    """A builder with its inline keys parsed; `problems` are those with their PEM."""

    unlinked: UnlinkedBuilder
    keys: Keys = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRoot:
    """A root whose document is in a ConfigMap."""

    unlinked: UnlinkedRoot


Compiled = KeyedPolicy | KeyedBuilder | TrustRoot | PendingRoot | UnlinkedException | BrokenObject
NO_CONFIG_MAPS: Mapping[str, ConfigMap] = {}


def compile_object(source: Source) -> Compiled:
    """Compile one object of any kind, its PEM included; names of other objects are not looked up.

    Raises MalformedPolicy when there is no telling which object this is.
    """
    match identify(source).kind:
        case "TrustedBuilder":
            builder = compile_builder(source)
            keys, problems = _inline_keys(builder.references)
            return KeyedBuilder(unlinked=builder, keys=keys, problems=problems)
        case "TrustRoot":
            root = compile_root(source)
            if isinstance(root, BrokenObject):
                return root
            pending = root.sigstore is not None and bool(root.sigstore.config_map or root.sigstore.tuf)
            return PendingRoot(unlinked=root) if pending else complete_root(root)
        case "SLSAException":
            return compile_exception(source)
        case _:
            policy = compile_policy(source)
            keys, problems = _inline_keys(policy.references)
            return KeyedPolicy(unlinked=policy, keys=keys, problems=problems)


def complete_root(
    root: UnlinkedRoot, config_maps: Mapping[str, ConfigMap] = NO_CONFIG_MAPS
) -> TrustRoot | BrokenObject:
    """The root with keys and document parsed, or everything wrong with them.

    A document that is refreshed and was not yet, is missing or can't be read, breaks the root: there is no last good
    one. When a document gets too old is told by `TrustRoots.stale`.
    """
    tuf = root.sigstore.tuf if root.sigstore is not None else None
    refreshed = _refreshed(root.name, tuf, config_maps) if tuf is not None else None
    material = None if root.sigstore is None else _material(root.sigstore, config_maps, refreshed)
    keys = [_root_key(spec) for spec in root.keys]
    problems = [found for found in (material, *keys) if isinstance(found, Problem)]
    if problems:
        return BrokenObject(kind="TrustRoot", name=root.name, problems=tuple(sorted(set(problems))))
    return TrustRoot(
        name=root.name,
        keys=tuple(key for key in keys if isinstance(key, RootKey)),
        sigstore=material if isinstance(material, SigstoreMaterial) else None,
        require=_require(root),
        time_root=root.time_root,
        stale_at=None if refreshed is None or tuf is None else refreshed.stale_at(tuf.stale_after),
    )


def _refreshed(root: str, tuf: TufSource, config_maps: Mapping[str, ConfigMap]) -> RefreshedRoot | None:
    """What the operator fetched for this root from this very source: of another it says nothing."""
    meant = (root, source_of(tuf))
    found = (one.refreshed for _, one in sorted(config_maps.items()) if one.refreshed is not None)
    return next((refreshed for refreshed in found if (refreshed.root, refreshed.source) == meant), None)


def _material(
    sigstore: SigstoreSpec, config_maps: Mapping[str, ConfigMap], refreshed: RefreshedRoot | None
) -> SigstoreMaterial | Problem:
    text = refreshed.document if refreshed is not None else sigstore.inline
    if sigstore.tuf is not None and refreshed is None:
        return Problem(path=sigstore.path, message="not refreshed yet: the operator has not fetched it")
    if sigstore.config_map is not None:
        text = _kept(sigstore.config_map, config_maps)
        if text is None:
            return Problem(path=sigstore.path, message=_absence(sigstore.config_map, config_maps))
    if text is None:
        return public_good()
    try:
        return _document(text)
    except MalformedDocument as error:
        return Problem(path=sigstore.path, message=str(error))


def _kept(key: ConfigMapKey, config_maps: Mapping[str, ConfigMap]) -> str | None:
    config_map = config_maps.get(key.name)
    return None if config_map is None else config_map.texts.get(key.key)


def _absence(key: ConfigMapKey, config_maps: Mapping[str, ConfigMap]) -> str:
    config_map = config_maps.get(key.name)
    if config_map is None:
        return f"there is no ConfigMap {key.name} in Navicert's namespace: apply it, or correct the name"
    return f"ConfigMap {key.name} has no key {key.key}: it has {', '.join(sorted(config_map.texts)) or 'none'}"


@lru_cache(maxsize=_DOCUMENTS)
def _document(text: str) -> SigstoreMaterial:
    """Parsed once, however often what names it is linked anew. Raises MalformedDocument."""
    return compile_sigstore(parse_trusted_root(text))


def _require(root: UnlinkedRoot) -> Require:
    """What the object says, and where it says nothing the default of its sort of root."""
    said, default = root.require, Require.of_sigstore() if root.sigstore else Require()
    log, timestamp, sct = said.transparency_log, said.signed_timestamp, said.sct
    return Require(
        transparency_log=default.transparency_log if log is None else log,
        signed_timestamp=default.signed_timestamp if timestamp is None else timestamp,
        sct=default.sct if sct is None else sct,
    )


def _root_key(spec: KeySpec) -> RootKey | Problem:
    key = _parse(spec.pem, spec.path)
    if isinstance(key, Problem):
        return key
    window = {"not_before": spec.not_before, "not_after": spec.not_after, "revoked_at": spec.revoked_at}
    return RootKey(name=spec.name, key=key, **window)


def _inline_keys(references: Iterable[Reference]) -> tuple[Keys, tuple[Problem, ...]]:
    inline = (one for one in references if isinstance(one, InlineKey))
    parsed = {one.path: _parse(one.pem, one.path) for one in inline}
    keys = {path: key for path, key in parsed.items() if isinstance(key, PublicKey)}
    return keys, tuple(found for found in parsed.values() if isinstance(found, Problem))


def _parse(pem: str, path: str) -> PublicKey | Problem:
    try:
        return _public_key(pem)
    except MalformedDocument as error:
        return Problem(path=path, message=str(error))


@lru_cache(maxsize=_PEMS)
def _public_key(pem: str) -> PublicKey:
    """Parsed once, however many policies bring it. Raises MalformedDocument, and keeps nothing of what is no key."""
    return parse_public_key(pem)
