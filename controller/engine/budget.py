"""What may be fetched and kept for one image in all, wherever it is listed."""

from controller.core.errors import LimitExceeded
from controller.registry.discovery import MAX_FETCHED

MAX_FETCHED_BYTES = 128 * 1024 * 1024  # of all candidates of one image
MAX_KEPT_BYTES = 16 * 1024 * 1024  # of what is known of one image afterwards, as `weigh` estimates it


class Budget:
    """The bounds of one image. Everything raises LimitExceeded, which names the bound."""

    def __init__(self) -> None:
        self._manifests = self._candidates = MAX_FETCHED
        self._fetched = MAX_FETCHED_BYTES
        self._kept = MAX_KEPT_BYTES

    def take_manifest(self, size: int) -> None:
        """Charge a manifest of this announced size."""
        self._manifests -= 1
        self._take(self._manifests, size)

    def take_candidate(self, size: int) -> None:
        """Charge a candidate of this announced size, each time it is judged."""
        self._candidates -= 1
        self._take(self._candidates, size)

    def keep(self, weight: int) -> None:
        """Charge what is kept of a candidate."""
        if weight > self._kept:
            raise LimitExceeded(f"what the candidates say is larger than {MAX_KEPT_BYTES} bytes in all")
        self._kept -= weight

    def _take(self, left: int, size: int) -> None:
        """A size that would overdraw is not charged, so that smaller ones still count."""
        if left < 0:
            raise LimitExceeded(f"more than {MAX_FETCHED} candidates are listed")
        if size > self._fetched:
            raise LimitExceeded(f"the candidates are larger than {MAX_FETCHED_BYTES} bytes in all")
        self._fetched -= size
