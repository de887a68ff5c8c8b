"""Which policies are about a namespace and a repository: found out once for a set of policies."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.core.image import Repository
from controller.core.match import Applies
from controller.core.selection import AnyPolicy, Selected
from controller.core.workload import Workload

MAX_SCOPES = 4096  # pairs of namespace and repository
MAX_MEMBERS = 256 * 1024  # policies in all that was selected: whoever makes pods chooses how often, by names and labels


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
        self._members = 0

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
            self._make_room(len(applying))
            self._labelled[scope, applying] = known
        return known

    def _scope(self, namespace: str, repository: Repository | None) -> _Scope:
        known = self._scopes.get((namespace, repository))
        if known is None:
            policies = tuple(one for one in self._policies if one.match.names(namespace, repository))
            place = tuple(map(id, policies))
            self._make_room(0 if place in self._distinct else len(policies))
            known = self._distinct.get(place) or self._distinct.setdefault(place, _Scope(policies))
            self._scopes[namespace, repository] = known
        return known

    def _make_room(self, members: int) -> None:
        """For one more of so many policies."""
        if len(self._scopes) >= MAX_SCOPES or self._members + members > MAX_MEMBERS:
            self._scopes.clear()
            self._distinct.clear()
            self._labelled.clear()
            self._members = 0
        self._members += members


def _selected(members: Iterable[tuple[AnyPolicy, Applies]]) -> Selected:
    return Selected(tuple(one for one in members if one[1] is not Applies.NO))
