"""What Navicert tells about itself: JSON lines and metrics. Neither holds a credential, ever (NET-011)."""

from controller.telemetry.lines import JSONFormatter, Teller, configure_logging, configure_outlet
from controller.telemetry.metrics import CONTENT_TYPE, CacheCounters, Metrics
from controller.telemetry.outlet import Outlet

__all__ = [
    "CONTENT_TYPE",
    "CacheCounters",
    "JSONFormatter",
    "Metrics",
    "Outlet",
    "Teller",
    "configure_logging",
    "configure_outlet",
]
