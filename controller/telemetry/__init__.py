"""What Navicert tells about itself: JSON lines and metrics. Neither holds a credential, ever (NET-011)."""

from controller.telemetry.lines import JSONFormatter, configure_logging
from controller.telemetry.metrics import CONTENT_TYPE, CacheCounters, Metrics

__all__ = ["CONTENT_TYPE", "CacheCounters", "JSONFormatter", "Metrics", "configure_logging"]
