"""Every defect and every oddity: the catalogues, filled."""

from __future__ import annotations

from tests.support import (
    defects_bundle,
    defects_certificate,
    defects_checkpoint,
    defects_log,
    defects_path,
    defects_timestamp,
    oddities,
)
from tests.support.breaking import DEFECTS, ODDITIES, Change

# Importing a module of changes enters them.
MODULES = (
    defects_bundle,
    defects_certificate,
    defects_checkpoint,
    defects_log,
    defects_path,
    defects_timestamp,
    oddities,
)
ALL_DEFECTS: tuple[Change, ...] = tuple(DEFECTS.changes.values())
ALL_ODDITIES: tuple[Change, ...] = tuple(ODDITIES.changes.values())
