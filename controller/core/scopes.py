"""Which policies are about a namespace and a repository: found out once for a set of policies."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.core.image import Repository
from controller.core.match import Applies
from controller.core.selection import AnyPolicy, Selected
from controller.core.workload import Workload

MAX_SCOPES = 4096  # pairs of namespace and repository, and of policies and what labels make of them


@dataclass(frozen=True, slots=True, eq=False)
class _Scope:
    """Policies that name a namespace and a repository. `whole` is the selection where no label has a say."""

    policies: tuple[AnyPolicy, ...]
    whole: Selected | None = field(init=False)

    def __post_init__(self) -> None:
        asked = (part for one in self.policies for part in (one.match.pod_selector, one.match.namespace_selector))
        labelled = any(part is not None for part in asked)
        whole = None if labelled else _selected((one, Applies.YES) for one in self.policies)
        object.__setattr__(self, "whole", whole)


class Scopes:
    """The selections of one set of policies: equal ones are one object. Starts anew when it is full."""

    def __init__(self, policies: tuple[AnyPolicy, ...]) -> None:
        self._policies = policies
        self._scopes: dict[tuple[str, Repository | None], _Scope] = {}
        self._distinct: dict[tuple[int, ...], _Scope] = {}  # many names share a scope
        self._labelled: dict[tuple[_Scope, tuple[Applies, ...]], Selected] = {}

    def about(self, namespace: str, repository: Repository | None) -> tuple[AnyPolicy, ...]:
        """Those that name both, in their order, labels aside; no repository could be any."""
        return self._scope(namespace, repository).policies

    def select(self, workload: Workload, repository: Repository | None) -> Selected:
        """Those that are about this repository in this workload, or may be."""
        scope = self._scope(workload.namespace, repository)
        if scope.whole is not None:
            return scope.whole
        applying = tuple([one.match.selects(workload) for one in scope.policies])
        known = self._labelled.get((scope, applying))
        if known is None:
            known = _selected(zip(scope.policies, applying, strict=True))
            if len(self._labelled) >= MAX_SCOPES:
                self._labelled.clear()
            self._labelled[scope, applying] = known
        return known

    def _scope(self, namespace: str, repository: Repository | None) -> _Scope:
        known = self._scopes.get((namespace, repository))
        if known is None:
            if len(self._scopes) >= MAX_SCOPES:
                self._scopes.clear()
                self._distinct.clear()
                self._labelled.clear()
            policies = tuple(one for one in self._policies if one.match.names(namespace, repository))
            place = tuple(map(id, policies))
            known = self._distinct.get(place) or self._distinct.setdefault(place, _Scope(policies))
            self._scopes[namespace, repository] = known
        return known


def _selected(members: Iterable[tuple[AnyPolicy, Applies]]) -> Selected:
    return Selected(tuple(one for one in members if one[1] is not Applies.NO))
