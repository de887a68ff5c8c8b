"""The policy store: objects come and go one by one, reviews see the whole as one immutable snapshot."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.core.errors import MalformedDocument, MalformedPolicy, Problem
from controller.core.policy import BrokenPolicy
from controller.engine.linking import Compiled, KeyedBuilder, KeyedPolicy, Keys, Snapshot, link
from controller.trust.keys import PublicKey, parse_public_key
from controller.trust.root import Require, RootKey, SigstoreMaterial, TrustRoot, compile_sigstore, public_good
from controller.wire.policy import (
    KINDS,
    BrokenObject,
    InlineKey,
    KeySpec,
    ObjectName,
    SignerReference,
    SigstoreSpec,
    UnlinkedRoot,
    compile_builder,
    compile_exception,
    compile_policy,
    compile_root,
    identify,
)
from controller.wire.trustedroot import parse_trusted_root

__all__ = ["PolicyStore", "Snapshot", "compile_object", "object_problems"]

Source = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    revision: tuple[str, str] | None
    compiled: Compiled


class PolicyStore:
    """All objects of the five kinds, each compiled once; what they name is looked up after every change.

    Belongs to one event loop. A snapshot never changes: a review finishes on the one it started with (POL-012).
    """

    def __init__(self) -> None:
        """Start empty, with no kind loaded."""
        self._entries: dict[str, dict[ObjectName, _Entry]] = {kind: {} for kind in KINDS}
        self._loaded: set[str] = set()
        self._snapshot: Snapshot | None = None

    def replace(self, kind: str, objects: Iterable[Source]) -> None:
        """Put these in place of all objects of this kind, which counts as loaded from now on.

        Raises MalformedPolicy, and changes nothing, when an object can't be told, is of another kind, or is there
        twice. An object that does not compile is no error: it is broken, and guards its scope.
        """
        entries: dict[ObjectName, _Entry] = {}
        for source in objects:
            name = identify(source)
            if name.kind != kind:
                raise MalformedPolicy([Problem(path="kind", message=f"{name} is no {kind}")])
            if name in entries:
                raise MalformedPolicy([Problem(path="metadata.name", message=f"{name} is there twice: remove one")])
            entries[name] = self._entry(name, source)
        self._entries[kind] = entries
        self._loaded.add(kind)
        self._snapshot = None

    def apply(self, source: Source) -> None:
        """Add this object, or put it in place of the one of its name. Raises MalformedPolicy as `replace` does."""
        name = identify(source)
        self._entries[name.kind][name] = self._entry(name, source)
        self._snapshot = None

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Take this object away, if it is there. `namespace` is empty for a cluster-scoped kind."""
        self._entries[kind].pop(ObjectName(kind=kind, namespace=namespace, name=name), None)
        self._snapshot = None

    def current(self) -> Snapshot | None:
        """What is in force now; None until every kind was loaded once, and then everything is refused.

        The first call after a change links, so that a burst of changes costs one link.
        """
        if self._loaded != set(KINDS):
            return None
        if self._snapshot is None:
            entries = (entry for kind in self._entries.values() for entry in kind.values())
            self._snapshot = link(entry.compiled for entry in entries)
        return self._snapshot

    def _entry(self, name: ObjectName, source: Source) -> _Entry:
        """The entry that is there when it is of the same revision; a newly compiled one otherwise."""
        revision, known = _revision(source), self._entries[name.kind].get(name)
        if known is not None and revision is not None and known.revision == revision:
            return known
        return _Entry(revision=revision, compiled=compile_object(source))


def _revision(source: Source) -> tuple[str, str] | None:
    """What the API server tells one version of an object from all others by; None outside of a cluster."""
    metadata = source.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    return (uid, version) if isinstance(uid, str) and isinstance(version, str) and uid and version else None


def object_problems(source: Source, _snapshot: Snapshot | None) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    """What is wrong with one object by itself, names of other objects not looked up; and nothing to advise."""
    try:
        compiled = compile_object(source)
    except MalformedPolicy as error:
        return error.problems, ()
    return (compiled.problems if isinstance(compiled, BrokenPolicy | BrokenObject) else ()), ()


def compile_object(source: Source) -> Compiled:
    """Compile one object of any kind, its PEM included; names of other objects are not looked up.

    Raises MalformedPolicy when there is no telling which object this is.
    """
    match identify(source).kind:
        case "TrustedBuilder":
            return _keyed_builder(source)
        case "TrustRoot":
            root = compile_root(source)
            return root if isinstance(root, BrokenObject) else _root(root)
        case "SLSAException":
            return compile_exception(source)
        case _:
            return _keyed_policy(source)


def _keyed_policy(source: Source) -> KeyedPolicy | BrokenPolicy:
    policy = compile_policy(source)
    if isinstance(policy, BrokenPolicy):
        return policy
    keys, problems = _inline_keys(signer for entry in policy.signatures for signer in entry.signers)
    if problems:
        return BrokenPolicy(name=policy.name, mode=policy.mode, match=policy.match, problems=problems)
    return KeyedPolicy(policy=policy, keys=keys)


def _keyed_builder(source: Source) -> KeyedBuilder | BrokenObject:
    builder = compile_builder(source)
    if isinstance(builder, BrokenObject):
        return builder
    keys, problems = _inline_keys(builder.signers)
    if problems:
        return BrokenObject(kind="TrustedBuilder", name=builder.name, problems=problems)
    return KeyedBuilder(builder=builder, keys=keys)


def _root(root: UnlinkedRoot) -> TrustRoot | BrokenObject:
    material = _material(root.sigstore) if root.sigstore else None
    keys = [_root_key(spec) for spec in root.keys]
    problems = tuple(found for found in (material, *keys) if isinstance(found, Problem))
    if problems:
        return BrokenObject(kind="TrustRoot", name=root.name, problems=problems)
    return TrustRoot(
        name=root.name,
        keys=tuple(key for key in keys if isinstance(key, RootKey)),
        sigstore=material if isinstance(material, SigstoreMaterial) else None,
        require=_require(root),
        time_root=root.time_root,
    )


def _material(sigstore: SigstoreSpec) -> SigstoreMaterial | Problem:
    if sigstore.inline is None:
        return public_good()
    try:
        return compile_sigstore(parse_trusted_root(sigstore.inline))
    except MalformedDocument as error:
        return Problem(path=sigstore.path, message=str(error))


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


def _inline_keys(signers: Iterable[SignerReference]) -> tuple[Keys, tuple[Problem, ...]]:
    inline = (signer for signer in signers if isinstance(signer, InlineKey))
    parsed = {signer.path: _parse(signer.pem, signer.path) for signer in inline}
    keys = {path: key for path, key in parsed.items() if isinstance(key, PublicKey)}
    return keys, tuple(found for found in parsed.values() if isinstance(found, Problem))


def _parse(pem: str, path: str) -> PublicKey | Problem:
    try:
        return parse_public_key(pem)
    except MalformedDocument as error:
        return Problem(path=path, message=str(error))
