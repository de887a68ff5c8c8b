"""What Navicert tells about itself: JSON lines and metrics. Neither holds a credential, ever (NET-011)."""

from controller.telemetry.lines import JSONFormatter, configure_logging, configure_outlet, tell
from controller.telemetry.metrics import CONTENT_TYPE, CacheCounters, Metrics
from controller.telemetry.outlet import Outlet

__all__ = [
    "CONTENT_TYPE",
    "CacheCounters",
    "JSONFormatter",
    "Metrics",
    "Outlet",
    "configure_logging",
    "configure_outlet",
    "tell",
]
