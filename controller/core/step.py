"""The steps at which a provenance statement can fail, in the order in which they are asked."""

from enum import IntEnum


class Step(IntEnum):
    """What failed first. A higher one came closer; MET failed nowhere."""

    VERIFIED = 0
    SUBJECT = 1
    BUILDER = 2
    LEVEL = 3
    BUILD_TYPE = 4
    REPOSITORY = 5
    REF = 6
    ENTRY_POINT = 7
    TRIGGER = 8
    PARAMETERS = 9
    AGE = 10
    CONDITIONS = 11
    DEPENDENCIES = 12
    SOURCE_LEVEL = 13
    MET = 14
