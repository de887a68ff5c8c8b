"""Log entries: what a signed entry timestamp covers."""

import json

from controller.wire.rekor import LogEntry


def test_the_promise_is_the_canonical_json_of_four_fields() -> None:
    entry = LogEntry(
        log_index=7,
        log_id=b"\xab" * 32,
        kind=None,
        version=None,
        integrated_time=1_700_000_000,
        body=b"\xff\xfe\xfd{}",
        signed_entry_timestamp=None,
        inclusion=None,
    )
    document = {"body": "//79e30=", "integratedTime": 1_700_000_000, "logID": "ab" * 32, "logIndex": 7}
    assert entry.promised == json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
