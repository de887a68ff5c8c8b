"""Whatever a predicate holds: a record, or malformed. Never another exception, and no source out of nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import MalformedAttestation
from controller.core.evidence import Kind
from controller.core.predicates import CYCLONEDX, PROVENANCE, SPDX, SUMMARY_V1, kind_of
from controller.core.provenance import Provenance, SourceClaim
from controller.core.source import SourceTemplate, normalise_source
from controller.wire.buildtypes import READERS_V01, READERS_V02, READERS_V1
from controller.wire.predicate import read_predicate
from controller.wire.statement import Statement

TYPES = [*sorted(PROVENANCE), SUMMARY_V1, SPDX, CYCLONEDX, f"{SPDX}/v3"]
BUILD_TYPES = sorted({*READERS_V01, *READERS_V02, *READERS_V1})
NAMES = st.sampled_from(
    ["builder", "id", "buildType", "type", "recipe", "invocation", "configSource", "uri", "digest", "sha1", "gitCommit",
     "sha256", "materials", "metadata", "buildDefinition", "runDetails", "externalParameters", "internalParameters",
     "resolvedDependencies", "workflow", "repository", "ref", "github", "source", "buildConfigSource", "name",
     "verifier", "resourceUri", "verificationResult", "verifiedLevels", "timeVerified", "dependencyLevels", "policy",
     "spdxVersion", "@context", "bomFormat", "specVersion", "Data", "definedInMaterial", "entryPoint"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["git+https://github.com/acme/shop@refs/heads/main", "https://github.com/acme/shop", "5f" * 20, "inputs/result",
     "https://github.com/acme/shop.git#refs/heads/main", "PASSED", "SLSA_BUILD_LEVEL_3", "2026-01-02T03:04:05Z",
     "SPDX-2.3", "CycloneDX", "1.6", "SPDXVersion: SPDX-2.3", '{"spdxVersion":"SPDX-2.3"}', "-1", *BUILD_TYPES]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec="utf-8")) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)
RESOURCES = st.lists(
    st.fixed_dictionaries({"uri": WORDS, "digest": st.dictionaries(NAMES, WORDS, max_size=2)}, optional={"name": WORDS})
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)
BUILDS = st.fixed_dictionaries(
    {
        "builder": st.just({"id": "b"}),
        "buildType": st.sampled_from(BUILD_TYPES),
        "recipe": st.fixed_dictionaries({"type": st.sampled_from(BUILD_TYPES)}, optional={"entryPoint": WORDS}),
        "invocation": st.fixed_dictionaries({}, optional={"parameters": OBJECTS, "environment": OBJECTS}),
        "materials": RESOURCES,
        "runDetails": st.just({"builder": {"id": "b"}}),
        "buildDefinition": st.fixed_dictionaries(
            {"buildType": st.sampled_from(BUILD_TYPES), "resolvedDependencies": RESOURCES},
            optional={"externalParameters": OBJECTS, "internalParameters": OBJECTS},
        ),
    }
)


def statement(predicate_type: str, predicate: bytes) -> Statement:
    return Statement(predicate_type=predicate_type, predicate=predicate, sha256=frozenset())


@given(predicate_type=st.sampled_from(TYPES), predicate=VALUES | BUILDS)
def test_any_predicate_is_a_record_or_malformed(predicate_type: str, predicate: Any) -> None:
    told = ""
    try:
        found = read_predicate(statement(predicate_type, json.dumps(predicate).encode()))
    except MalformedAttestation as error:
        told = str(error)
    else:
        assert found is not None
    assert told.isprintable()


@given(predicate_type=st.sampled_from(TYPES), predicate=st.binary(max_size=100))
def test_any_bytes_are_a_record_or_malformed(predicate_type: str, predicate: bytes) -> None:
    try:
        read_predicate(statement(predicate_type, predicate))
    except MalformedAttestation:
        return
    pytest.fail("no bytes that short are a predicate")


@given(predicate_type=st.sampled_from(sorted(PROVENANCE)), predicate=BUILDS)
def test_a_source_is_a_normalised_repository_or_meets_no_expectation(predicate_type: str, predicate: Any) -> None:
    try:
        found = read_predicate(statement(predicate_type, json.dumps(predicate).encode()))
    except MalformedAttestation:
        return
    assert isinstance(found, Provenance)
    repository = found.source.repository
    if repository is None:
        assert found.source == SourceClaim(
            entry_point=found.source.entry_point,
            ref=found.source.ref,
            trigger=found.source.trigger,
            repository_id=found.source.repository_id,
            owner_id=found.source.owner_id,
        )
    elif normalise_source(repository) != repository:
        assert " and " in repository
        assert not SourceTemplate.compile("https://github.com/acme/shop", ()).accepts(repository, ())
        assert (found.source.ref, found.source.commit) == (None, None)


@given(predicate_type=st.text(max_size=60) | st.sampled_from(TYPES).map(lambda known: f"{known}/"))
def test_no_other_type_means_anything(predicate_type: str) -> None:
    if predicate_type not in TYPES:
        assert kind_of(predicate_type) is Kind.OTHER
