"""CEL conditions: typed when they compile, never true by accident, and bounded whatever they are given."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.core.condition import Condition, Facts, Held
from controller.core.evidence import Kind, VerifiedStatement
from controller.core.image import ImageReference
from controller.core.provenance import Dependency, Provenance, SourceClaim
from controller.core.signer import CertificateSigner, Extensions, SubjectType
from controller.core.work import MAX_WORK, MAX_WORK_OF_REVIEW, Work, share_of_work
from controller.expressions import Use, compile_condition
from tests.support import facts as made

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WORKLOAD = made.workload(labels={"app": "web"})
SIGNER = CertificateSigner(
    trust_root="sigstore",
    issuer="https://token.actions.githubusercontent.com",
    subject_type=SubjectType.URI,
    subject="https://github.com/acme/ci/.github/workflows/image.yml@refs/tags/v1",
    extensions=Extensions(source_repository_uri="https://github.com/acme/shop", runner_environment="github-hosted"),
)
PROVENANCE = Provenance(
    builder_id="https://builder.example",
    build_type="https://type.example/v1",
    source=SourceClaim(repository="https://github.com/acme/shop", ref="refs/tags/v1", commit="a" * 40, trigger="push"),
    external_parameters={"inputs": {"channel": "stable", "count": 3, "ratio": 0.5}, "list": [1, 2, 3]},
    dependencies=(Dependency(uri="git+https://github.com/acme/shop", digests={"gitCommit": "a" * 40}),),
)
BUILT = replace(
    made.provenance(), provenance=PROVENANCE, signer=SIGNER, times=(NOW - timedelta(days=2),), predicate=b"{}"
)


def attestation(predicate: object, *, raw: bytes | None = None) -> VerifiedStatement:
    return VerifiedStatement(
        kind=Kind.OTHER,
        predicate_type="https://cosign.sigstore.dev/attestation/vuln/v1",
        subject=made.D,
        payload=made.OTHER,
        signer=made.signer(),
        predicate=json.dumps(predicate).encode() if raw is None else raw,
    )


def facts(statement: VerifiedStatement = BUILT, **changed: Any) -> Facts:
    return replace(
        Facts(
            statement=statement,
            reference=ImageReference.parse(f"ghcr.io/acme/shop:v1@{made.D}"),
            digest=made.D,
            workload=WORKLOAD,
            now=NOW,
        ),
        **changed,
    )


def condition(expression: str, use: Use = Use.BUILD) -> Condition:
    compiled = compile_condition("a", expression, None, use)
    assert isinstance(compiled, Condition), compiled
    return compiled


def held(expression: str, statement: VerifiedStatement = BUILT) -> Held:
    use = Use.BUILD if statement.kind is Kind.PROVENANCE else Use.ATTESTATION
    return condition(expression, use).test(facts(statement))[0]


@pytest.mark.parametrize(
    "expression",
    [
        'provenance.builderID == "https://builder.example" && provenance.buildType.startsWith("https://type.example/")',
        'provenance.source.repository == "https://github.com/acme/shop" && provenance.source.trigger in ["push"]',
        'provenance.source.ref == "refs/tags/v1" && size(provenance.source.commit) == 40',
        "!has(provenance.source.entryPoint) && !has(provenance.invocationID)",
        'provenance.dependencies.all(one, one.uri.startsWith("git+https://") && has(one.digests.gitCommit))',
        'provenance.externalParameters.inputs.channel == "stable" && provenance.externalParameters.inputs.count == 3',
        "provenance.externalParameters.inputs.ratio < 1.0 && provenance.externalParameters.list.exists(n, n == 3)",
        "!has(provenance.externalParameters.inputs.debug)",
        'certificate.issuer == "https://token.actions.githubusercontent.com" && certificate.subjectType == "URI"',
        'certificate.extensions.runnerEnvironment == "github-hosted" && !has(certificate.extensions.buildTrigger)',
        'statement.kind == "provenance" && statement.predicateType == "https://slsa.dev/provenance/v1"',
        'statement.signer.trustRoot == "sigstore" && statement.signer.subject == certificate.subject',
        'now - timestamp(statement.signedAt) < duration("72h")',
        'image.registry == "ghcr.io" && image.repository == "ghcr.io/acme/shop" && image.tag == "v1"',
        'image.digest.startsWith("sha256:") && image.reference.endsWith(image.digest)',
        'workload.kind == "Pod" && workload.namespace == "shop" && workload.name == "web"',
        'workload.labels.app == "web" && !has(workload.labels.tier)',
        'now == timestamp("2026-06-01T12:00:00Z")',
    ],
)
def test_every_variable_has_its_documented_shape(expression: str) -> None:
    assert condition(expression).test(facts()) == (Held.TRUE, "")


def test_a_key_signs_without_a_certificate_and_has_tells() -> None:
    by_key = replace(BUILT, signer=made.signer())
    assert held("!has(certificate.issuer) && statement.signer.name == 'builder'", by_key) is Held.TRUE
    assert held("certificate.issuer == ''", by_key) is Held.ERROR
    assert held("!has(statement.signer)", replace(BUILT, signer=None)) is Held.TRUE


def test_a_predicate_is_looked_into_as_it_was_signed() -> None:
    statement = attestation(
        {"scanner": {"result": [{"severity": "LOW", "n": 1}]}, "big": 2**60, "half": 0.5, "no": None}
    )
    assert held("predicate.scanner.result.all(one, one.severity != 'CRITICAL' && one.n == 1)", statement) is Held.TRUE
    assert (
        held("predicate.big == 1152921504606846976 && predicate.half == 0.5 && predicate.no == null", statement)
        is Held.TRUE
    )
    assert held("predicate.scanner.result.exists(one, one.severity == 'HIGH')", statement) is Held.FALSE


@pytest.mark.case("POL-014")
@pytest.mark.parametrize(
    "expression",
    [
        "nosuch == 1",
        "image.digest == 3",
        "now == 3",
        "1 + 'a' == 2",
        "'text'",
        "provenance.builderID",
        "size(provenance.dependencies)",
        "has(provenance)",
        "provenance.",
        "",
        "\ud800",
        "predicate.a.lowerAscii() == 'a'",
    ],
)
def test_what_can_not_be_meant_does_not_compile(expression: str) -> None:
    problem = compile_condition("a", expression, None, Use.BUILD)
    assert isinstance(problem, str)
    assert problem.isascii()
    assert problem.isprintable()


def test_an_expression_is_compiled_once_however_many_policies_ask_it() -> None:
    one, other = (compile_condition(name, "image.registry == 'ghcr.io'", None, Use.BUILD) for name in ("a", "b"))
    beside = compile_condition("a", "image.registry == 'ghcr.io'", None, Use.ATTESTATION)
    assert isinstance(one, Condition)
    assert isinstance(other, Condition)
    assert isinstance(beside, Condition)
    assert (one.name, other.name, one.test is other.test) == ("a", "b", True)
    assert beside.test is not one.test


@pytest.mark.case("POL-014")
def test_only_a_build_condition_sees_provenance() -> None:
    assert "provenance" in str(compile_condition("a", "provenance.builderID == ''", None, Use.ATTESTATION))


@pytest.mark.case("POL-015")
@pytest.mark.parametrize(
    "expression",
    [
        "provenance.externalParameters.nosuch == 1",
        "provenance.externalParameters.inputs.nosuch.deeper == 1",
        "1 / (size(provenance.dependencies) - 1) == 1",
        "provenance.externalParameters.inputs.channel > 3",
        "provenance.externalParameters.inputs && true",
        "provenance.dependencies[7].uri == ''",
        "timestamp(provenance.builderID) < now",
        "int(provenance.builderID) == 1",
        "provenance.externalParameters.inputs.count * 9223372036854775807 > 0",
    ],
)
def test_what_can_not_be_evaluated_is_an_error_and_never_true(expression: str) -> None:
    found, detail = condition(expression).test(facts())
    assert found is Held.ERROR
    assert detail
    assert detail.isascii()
    assert detail.isprintable()


@pytest.mark.case("POL-015")
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nul",
        b'{"a": 1e999}',
        b'{"a": 99999999999999999999999}',
        b'{"a": "\\ud800"}',
        b"[" * 5000 + b"]" * 5000,
    ],
)
def test_a_predicate_that_can_not_be_read_is_an_error(raw: bytes) -> None:
    assert held("predicate.a == 1", attestation(None, raw=raw)) is Held.ERROR


def test_a_predicate_that_was_not_kept_or_is_too_large_is_an_error() -> None:
    without = replace(attestation({}), predicate=None)
    assert condition("predicate.a == 1", Use.ATTESTATION).test(facts(without))[0] is Held.ERROR
    large = attestation({"a": 1, "fill": "x" * (512 * 1024)})
    assert condition("predicate.a == 1", Use.ATTESTATION).test(facts(large))[0] is Held.ERROR
    fitting = attestation({"a": 1, "fill": "x" * (512 * 1024 - 100)})
    assert held("predicate.a == 1", fitting) is Held.TRUE


LONG = {"list": list(range(1000)), "texts": ["a" * 1000] * 100, "text": "a" * 100_000}
BOMBS = {
    "nested loops": "predicate.list.all(a, predicate.list.all(b, predicate.list.all(c, a + b + c >= 0)))",
    "nested loops over literals": "[1, 2].all(a, [1, 2].all(b, true))",
    "a loop over the whole": "predicate.list.all(a, predicate == predicate)",
    "a loop over an outer variable": "predicate.texts.all(a, a.all(b, a == b))",
    "growth by map": "['a'].map(a, a + a + a + a).map(a, a + a + a + a) == ['a']",
    "growth by lists": "[[1]].all(a, [[a, a, a]].all(b, b == b))",
    "a list behind an index": "[[predicate, predicate]][0].all(a, a == a)",
    "a leading dot": "predicate.list.all(a, .predicate == .predicate)",
    "a loop hidden behind texts": "'\\'' == r'\\' || predicate.list.all(a, predicate == predicate)",
    "additions": "+".join(["1"] * 2000) + " == 2000",
    "doubling": "(" * 40 + "predicate.text" + " + predicate.text)" * 40 + " == ''",
    "depth": "(" * 200 + "true" + ")" * 200,
    "many searches": " || ".join(["predicate.text.matches('(a|aa)*b')"] * 100),
    "length": " || ".join(["predicate.text == ''"] * 1000),
}


@pytest.mark.case("POL-016")
@pytest.mark.parametrize("expression", BOMBS.values(), ids=list(BOMBS))
def test_bombs_do_not_compile_or_end_in_an_error_at_once(expression: str) -> None:
    statement = attestation(LONG)
    compiled = compile_condition("bomb", expression, None, Use.ATTESTATION)
    started = time.process_time()
    assert isinstance(compiled, str) or compiled.test(facts(statement))[0] is not Held.TRUE
    assert time.process_time() - started < 2  # of a slow machine's processor; of others it takes a fortieth


@pytest.mark.case("POL-016")
@pytest.mark.parametrize(
    "kind",
    [
        "nested loops",
        "a loop over the whole",
        "a loop over an outer variable",
        "growth by map",
        "growth by lists",
        "a list behind an index",
        "a loop hidden behind texts",
    ],
)
def test_what_grows_beyond_its_input_does_not_compile(kind: str) -> None:
    assert isinstance(compile_condition("bomb", BOMBS[kind], None, Use.ATTESTATION), str)


@pytest.mark.case("POL-016")
def test_more_steps_than_a_predicate_of_this_size_allows_are_an_error() -> None:
    searches = " && ".join(["predicate.text.matches('a+')"] * 100)
    assert held(searches, attestation({"text": "a" * 1000})) is Held.TRUE
    assert held(searches, attestation({"text": "a" * 500_000})) is Held.ERROR


def test_more_items_than_the_engine_counts_are_an_error() -> None:
    many = attestation({"list": [0] * 20_000})
    assert held("predicate.list.all(one, one == 0)", many) is Held.ERROR


@pytest.mark.parametrize(
    "expression",
    [
        "predicate.runs[0].results.filter(one, one.level == 'error').all(one, one.kind in ['a', 'b'])",
        "predicate['runs'].all(run, run.results.all(one, one.level != '' && image.digest != one.level))",
        "predicate.runs.all(run, run.results.exists(one, one.kind == r'a\\d' || one.level != \"'\")) // .map(",
        "size(predicate.runs) > 0 && predicate.runs[0].results[0].level.matches('[a-z]+')",
    ],
)
def test_what_stays_linear_compiles(expression: str) -> None:
    statement = attestation({"runs": [{"results": [{"level": "error", "kind": "a"}]}]})
    assert held(expression, statement) is Held.TRUE


@pytest.mark.case("POL-017")
def test_now_is_the_reviews_own_time() -> None:
    test = condition("now < timestamp('2026-07-01T00:00:00Z')").test
    assert test(facts())[0] is Held.TRUE
    assert test(facts(now=NOW + timedelta(days=60)))[0] is Held.FALSE
    assert test(facts())[0] is Held.TRUE


def test_two_statements_are_never_mixed_up() -> None:
    test = condition("predicate.a == 1", Use.ATTESTATION).test
    assert [test(facts(attestation({"a": number})))[0] for number in (1, 2, 1)] == [Held.TRUE, Held.FALSE, Held.TRUE]
    by_namespace = condition("workload.namespace == 'shop'").test
    assert by_namespace(facts())[0] is Held.TRUE
    assert by_namespace(facts(workload=made.workload(namespace="b")))[0] is Held.FALSE


def test_conditions_of_one_review_share_what_was_converted() -> None:
    conditions = [condition(f"provenance.builderID != '{n}' && predicate.a.all(x, x.b != '')") for n in range(5)]
    statements = [replace(BUILT, predicate=json.dumps({"a": [{"b": "c"}] * 20}).encode()) for _ in range(3)]
    looks = [facts(one) for one in statements]
    assert all(one.test(look)[0] is Held.TRUE for look in looks for one in conditions)
    assert min(seconds_of(looks, conditions) for _ in range(20)) < 0.006  # the goal is a tenth of it


def seconds_of(looks: list[Facts], conditions: list[Condition]) -> float:
    """What testing all conditions on all of these takes the processor."""
    started = time.process_time()
    for look in looks:
        for one in conditions:
            one.test(look)
    return time.process_time() - started


@pytest.mark.case("POL-016")
def test_all_conditions_on_one_image_share_one_bound() -> None:
    """Counted and not timed: each comparison takes its part of what is left, and then the bound is named."""
    look = facts(attestation({"list": [{"": 0}] * 1000}))
    one = condition(" && ".join(["predicate == predicate"] * 10), Use.ATTESTATION)
    answers = [one.test(look) for _ in range(60)]
    assert answers[0] == (Held.TRUE, "")
    assert answers[-1][0] is Held.ERROR
    assert str(MAX_WORK) in answers[-1][1]
    assert 20 < sum(held is Held.TRUE for held, _ in answers) < 40
    assert one.test(replace(look, work=Work()))[0] is Held.TRUE


@pytest.mark.case("POL-016")
@pytest.mark.parametrize(
    "expression",
    [
        " && ".join(["predicate==predicate"] * 170),
        "predicate.texts.exists(one, one.matches('[ab]{0,100}c'))",
        "predicate.texts.exists(one, one in [" + ",".join(["'a'"] * 900) + "])",
        "predicate.texts.exists(one, " + " || ".join(["certificate.issuer != certificate.issuer"] * 4) + ")",
        "predicate.text.matches('[ab]{0,1000}[ab]{0,1000}[ab]{0,1000}c')",
    ],
)
def test_what_64_kib_can_be_made_to_cost_is_refused_before_it_is_paid(expression: str) -> None:
    small = attestation({"objects": [{"": 0}] * 2500, "texts": ["ab"] * 4000, "text": "ab" * 10_000})
    compiled = compile_condition("a", expression, None, Use.ATTESTATION)
    assert isinstance(compiled, Condition)
    look = facts(small)
    assert compiled.test(look)[0] is Held.ERROR
    assert str(MAX_WORK) in compiled.test(look)[1]


@pytest.mark.parametrize("text", ["v1", "xv1", "v1x", "v1\n"])
def test_a_search_is_for_any_part_of_a_text_unless_it_says_where_that_begins_and_ends(text: str) -> None:
    of_text = attestation({"text": text})
    assert held("predicate.text.matches(r'v[0-9]')", of_text) is Held.TRUE
    assert held("predicate.text.matches(r'^v[0-9]$')", of_text) is (Held.TRUE if text == "v1" else Held.FALSE)


@pytest.mark.parametrize("call", ["predicate.text.matches(predicate.pattern)", "matches(predicate.text, 'a')"])
def test_an_expression_that_is_searched_for_is_written_out(call: str) -> None:
    assert "written out" in str(compile_condition("a", call, None, Use.ATTESTATION))


@pytest.mark.parametrize(
    "written", ["r'a\\.b'", "'a\\\\.b'", "'''a.b'''", 'r"""a.b"""', "''", "'a[.]b'"], ids=lambda text: f"<{text}>"
)
def test_every_plain_way_of_writing_an_expression_is_read(written: str) -> None:
    assert held(f"predicate.text.matches({written})", attestation({"text": "a.b"})) is Held.TRUE


def test_an_expression_that_is_none_is_told_when_it_compiles() -> None:
    assert "RE2" in str(compile_condition("a", "predicate.a.matches('(')", None, Use.ATTESTATION))
    assert "r'...'" in str(compile_condition("a", "predicate.a.matches('\\x61')", None, Use.ATTESTATION))


def test_a_predicate_is_decoded_once_for_all_conditions_of_a_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def decode(content: bytes) -> object:
        asked.append(content)
        return json.loads(content)

    monkeypatch.setattr("msgspec.json.decode", decode)
    look = facts(attestation({"a": 1}))
    assert all(condition(f"predicate.a != {n}", Use.ATTESTATION).test(look)[0] is Held.TRUE for n in range(2, 9))
    assert len(asked) == 1


def test_what_does_not_look_at_the_predicate_does_not_pay_for_it() -> None:
    large = attestation({"fill": [0] * 1_000_000})
    assert condition("image.digest != ''", Use.ATTESTATION).test(facts(large))[0] is Held.TRUE


def test_many_images_of_one_workload_share_the_work_of_a_review() -> None:
    assert share_of_work(1) == share_of_work(0) == share_of_work(8) == MAX_WORK
    assert share_of_work(256) * 256 == MAX_WORK_OF_REVIEW
