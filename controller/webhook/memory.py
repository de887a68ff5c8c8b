"""Garbage collection for a process that loads once and then answers for weeks."""

import gc

# Allocations of one generation before it is looked through: with Python's own figures the oldest, which holds all that
# was ever imported, is walked in the middle of reviews (measured: p99 of large reviews 38 ms, so 12 ms).
_THRESHOLDS = (50_000, 20, 50)


def expect_to_keep() -> None:
    """Look less often for garbage: next to all that is made while policies are loaded stays, and most of it later."""
    gc.set_threshold(*_THRESHOLDS)


def settle_memory() -> None:
    """Take what is there now for permanent."""
    gc.collect()
    gc.freeze()
