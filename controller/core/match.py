"""Which workloads and images a policy is about."""

from dataclasses import dataclass
from enum import Enum

from controller.core.image import Repository
from controller.core.patterns import Glob, ImageGlob
from controller.core.selector import Selector
from controller.core.workload import Workload


class Applies(Enum):
    """UNKNOWN: a namespace selector could not be evaluated. It is an error finding, never a no (POL-011)."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The scope of a policy: every part that is given must match, an absent part matches everything.

    `namespace` binds a SLSAPolicy to its own namespace. `namespaces` are globs over names. No `images`: all.
    """

    namespace: str | None = None
    namespaces: tuple[Glob, ...] = ()
    namespace_selector: Selector | None = None
    pod_selector: Selector | None = None
    images: tuple[ImageGlob, ...] = ()
    exclude_images: tuple[ImageGlob, ...] = ()

    def names(self, namespace: str, repository: Repository | None) -> bool:
        """The part that labels have no say in; no repository, as of a malformed reference, could be any."""
        return self._namespace(namespace) and self._image(repository)

    def selects(self, workload: Workload) -> Applies:
        """The part that labels decide."""
        if self.pod_selector is not None and not self.pod_selector.matches(workload.labels):
            return Applies.NO
        if self.namespace_selector is None:
            return Applies.YES
        if workload.namespace_labels is None:
            return Applies.UNKNOWN
        return Applies.YES if self.namespace_selector.matches(workload.namespace_labels) else Applies.NO

    def _namespace(self, namespace: str) -> bool:
        if self.namespace is not None and namespace != self.namespace:
            return False
        return not self.namespaces or any(glob.matches(namespace) for glob in self.namespaces)

    def _image(self, repository: Repository | None) -> bool:
        if repository is None:
            return True
        included = not self.images or any(glob.matches(repository) for glob in self.images)
        return included and not any(glob.matches(repository) for glob in self.exclude_images)
