"""SBOM predicates: format and version."""

from __future__ import annotations

import json
import resource
import time
from typing import Any

import pytest

from controller.core.errors import MalformedAttestation
from controller.core.image import Digest
from controller.core.records import SBOM, SBOMFormat
from controller.wire.predicate import read_predicate
from controller.wire.sbom import read_sbom
from controller.wire.statement import read_statement
from controller.wire.strictjson import MAX_BYTES
from tests.support.foundry import encode, statement

SPDX = "https://spdx.dev/Document"
CYCLONEDX = "https://cyclonedx.org/bom"
SPDX_2: dict[str, Any] = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": [{"name": "a"}]}
SPDX_3: dict[str, Any] = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [{"type": "CreationInfo", "specVersion": "3.0.1"}],
}
CYCLONEDX_16: dict[str, Any] = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}
NO_DOCUMENTS: tuple[Any, ...] = ({}, [], None, 5, [SPDX_2])
TAG_VALUE = "# made by hand\n\nSPDXVersion: SPDX-2.2\nDataLicense: CC0-1.0\n"


def read(predicate_type: str, predicate: object) -> SBOM:
    return read_sbom(predicate_type, encode(predicate))


@pytest.mark.case("SUM-016")
@pytest.mark.parametrize(
    ("predicate_type", "predicate", "found", "version"),
    [
        (SPDX, SPDX_2, SBOMFormat.SPDX, "2.3"),
        (f"{SPDX}/v2.3", SPDX_2, SBOMFormat.SPDX, "2.3"),
        (f"{SPDX}/v2", SPDX_2, SBOMFormat.SPDX, "2.3"),
        (SPDX, SPDX_3, SBOMFormat.SPDX, "3.0.1"),
        (f"{SPDX}/v3", SPDX_3, SBOMFormat.SPDX, "3.0.1"),
        (f"{SPDX}/v3", {**SPDX_3, "@context": [SPDX_3["@context"], {"x": "y"}]}, SBOMFormat.SPDX, "3.0.1"),
        (CYCLONEDX, CYCLONEDX_16, SBOMFormat.CYCLONEDX, "1.6"),
        (f"{CYCLONEDX}/v1.6", CYCLONEDX_16, SBOMFormat.CYCLONEDX, "1.6"),
    ],
)
def test_format_and_version_are_read(predicate_type: str, predicate: object, found: SBOMFormat, version: str) -> None:
    assert read(predicate_type, predicate) == SBOM(format=found, version=version)


@pytest.mark.parametrize(("predicate_type", "document"), [(SPDX, SPDX_2), (SPDX, TAG_VALUE), (CYCLONEDX, CYCLONEDX_16)])
def test_the_wrapper_of_older_cosigns_is_opened(predicate_type: str, document: object) -> None:
    assert read(predicate_type, {"Data": document, "Timestamp": "now"}) == read(predicate_type, document)


def test_what_is_an_sbom_itself_is_no_wrapper() -> None:
    assert read(SPDX, {**SPDX_2, "Data": {**SPDX_2, "spdxVersion": "SPDX-2.2"}}).version == "2.3"
    with pytest.raises(MalformedAttestation):
        read(SPDX, {"Data": {"Data": SPDX_2}})


@pytest.mark.case("PARSE-015")
def test_a_string_is_an_spdx_document_and_no_other() -> None:
    assert read(SPDX, TAG_VALUE) == SBOM(format=SBOMFormat.SPDX, version="2.2")
    assert read(SPDX, json.dumps(SPDX_2)) == SBOM(format=SBOMFormat.SPDX, version="2.3")
    for text in (json.dumps(CYCLONEDX_16), "CycloneDX"):
        with pytest.raises(MalformedAttestation):
            read(CYCLONEDX, text)


@pytest.mark.case("PARSE-015")
@pytest.mark.parametrize(
    "text",
    [
        '{"spdxVersion":"SPDX-2.3","spdxVersion":"SPDX-2.2"}',
        '{"spdxVersion":"SPDX-2.3","x":NaN}',
        '{"spdxVersion":"SPDX-2.3"',
        '{"spdxVersion":"SPDX-2.3","x":' + "[" * 100_000 + "]" * 100_000 + "}",
        json.dumps(json.dumps(SPDX_2)),
        "DataLicense: CC0-1.0\nSPDXVersion: SPDX-2.3",
        "SPDXVersion: SPDX-2.3 or so",
        "SPDXVersion: SPDX-3.0",
        "",
        "\n" * 5000 + "SPDXVersion: SPDX-2.3",
    ],
    ids=range(10),
)
def test_other_strings_are_malformed(text: str) -> None:
    with pytest.raises(MalformedAttestation):
        read(SPDX, text)


@pytest.mark.parametrize(
    ("predicate_type", "predicate"),
    [
        (SPDX, CYCLONEDX_16),
        (CYCLONEDX, SPDX_2),
        (f"{SPDX}/v3", SPDX_2),
        (f"{SPDX}/v2.3", SPDX_3),
        (f"{CYCLONEDX}/v2.0", CYCLONEDX_16),
        (SPDX, {**SPDX_2, **SPDX_3}),
        (SPDX, {"spdxVersion": "2.3"}),
        (SPDX, {"spdxVersion": "SPDX-2.3x"}),
        (SPDX, {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld.evil"}),
        (SPDX, {"@context": []}),
        (CYCLONEDX, {"bomFormat": "cyclonedx", "specVersion": "1.6"}),
        (CYCLONEDX, {"bomFormat": "CycloneDX"}),
        (CYCLONEDX, {"specVersion": "1.6"}),
        *((kind, document) for kind in (SPDX, CYCLONEDX) for document in NO_DOCUMENTS),
    ],
)
def test_anything_else_is_malformed(predicate_type: str, predicate: Any) -> None:
    with pytest.raises(MalformedAttestation):
        read(predicate_type, predicate)


@pytest.mark.case("PARSE-014")
@pytest.mark.slow
def test_an_sbom_of_a_hundred_thousand_packages_is_read_within_the_bounds() -> None:
    package = {"licenseConcluded": "MIT", "externalRefs": [{"referenceLocator": "pkg:npm/x@1"}], "checksums": []}
    packages = [{"SPDXID": f"SPDXRef-Package-{n}", "name": "x" * 40, **package} for n in range(100_000)]
    document = statement(Digest.of(b"image"), predicate_type=SPDX, predicate={**SPDX_2, "packages": packages})
    payload = encode(document)
    assert 15_000_000 < len(payload) <= MAX_BYTES
    del document, packages
    peak, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = read_statement(payload)
    assert read_predicate(found) == SBOM(format=SBOMFormat.SPDX, version="2.3")
    assert time.process_time() - started < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 250 * 1024
    assert found.is_about(Digest.of(b"image"))
