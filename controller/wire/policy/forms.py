"""The forms that texts have in objects: the pattern of each, as the schema has it, and what it asks in words."""

from collections.abc import Mapping

from controller.wire.duration import DURATION
from controller.wire.policy.nodes import RFC3339

ANYTHING = r"\S"
UNBROKEN = r"^\S+$"
NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
URI = r"^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$"
HTTPS = r"^https://\S+$"
TRIGGER = r"^[a-z][a-z0-9_]*$"
NUMBER = r"^[0-9]+$"
DIGEST = r"^sha256:[0-9a-f]{64}$"
VERSION = r"^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})$"
KEY_OF_CONFIG_MAP = r"^[-._a-zA-Z0-9]+$"

FORMS: Mapping[str, str] = {
    ANYTHING: "must say something: there are only spaces",
    UNBROKEN: "must be one word, without spaces",
    NAME: "must be a name: lower-case letters, digits, dashes and dots, as release-2026",
    LABEL_KEY: "must be the key of a label, as app or example.com/tier",
    LABEL_VALUE: "must be the value of a label: letters, digits, dashes, dots and underscores, as production",
    URI: "must be a URI with its scheme, as https://example.com/policy",
    HTTPS: "must be an address that begins with https://",
    TRIGGER: "must be the name of an event, as push or workflow_dispatch",
    NUMBER: 'must be a number, as a text: "1234567"',
    DIGEST: "must be sha256: and 64 lower-case hexadecimal digits",
    VERSION: "must be a version of three numbers, as 2.1.0",
    KEY_OF_CONFIG_MAP: "must be the key of a ConfigMap, as trusted_root.json",
    DURATION: "must be a whole number of hours, minutes or seconds, as 720h",
    RFC3339: "must be a date and time with its zone, as 2026-12-31T00:00:00Z",
}
"""What to tell, by pattern: every pattern of the kinds is here."""
