"""Members of the closed variables: a misspelt one never weakens a condition in silence (POL-014)."""

from dataclasses import replace

import pytest
from cel_expr_python.cel import NewEnv

from controller.core.condition import Condition
from controller.core.provenance import Dependency, SourceClaim
from controller.core.signer import CertificateSigner, Extensions, SubjectType
from controller.expressions import EXTENSIONS, Use, compile_condition
from controller.expressions.members import member_problem
from controller.expressions.shapes import CLOSED, Items, Members, Shape
from controller.expressions.tree import read_tree
from controller.expressions.variables import TYPES, provenance_of, variables
from tests.support import facts as made
from tests.unit.expressions.test_condition import BUILT, PROVENANCE, facts

pytestmark = pytest.mark.case("POL-014")

OBJECTS = {
    "provenance": "builderID",
    "provenance.source": "repository",
    "provenance.dependencies[0]": "uri",
    "statement": "signedAt",
    "statement.signer": "trustRoot",
    "certificate": "issuer",
    "certificate.extensions": "sourceRepositoryVisibilityAtSigning",
    "image": "digest",
    "workload": "namespace",
}
WAYS = {
    "select": "{0}.{1} == 'a'",
    "has": "!has({0}.{1})",
    "index": "{0}['{1}'] == 'a'",
    "raw index": "{0}[r'{1}'] == 'a'",
    "in": "!('{1}' in {0})",
    "deeper": "!has({0}.{1}.inputs.debug)",
    "inside all": "predicate.a.all(one, one.b == {0}.{1})",
    "inside a call": "size({0}.{1}) == 1",
    "inside a list": "image.digest in ['a', {0}.{1}]",
    "inside a map": "{{'a': {0}.{1}}}.a == 'a'",
    "inside a conditional": "(image.digest == 'a' ? {0}.{1} : 'b') == 'a'",
    "of a conditional": "(image.digest == 'a' ? {0} : {0}).{1} == 'a'",
    "behind or": "image.digest == 'a' || !has({0}.{1})",
}
SMALL = ("statement", "certificate", "image")  # that macros see


def compiled(expression: str) -> Condition | str:
    return compile_condition("a", expression, None, Use.BUILD)


@pytest.mark.parametrize(
    ("place", "way"),
    [
        (place, way)
        for place in OBJECTS
        for way in WAYS
        if (way != "inside all" or place.startswith(SMALL)) and (way != "deeper" or place != "image")
    ],
)
def test_a_member_that_there_is_compiles_and_one_misspelt_does_not(place: str, way: str) -> None:
    member = OBJECTS[place]
    assert isinstance(compiled(WAYS[way].format(place, member)), Condition)
    misspelt = f"{member[:-2]}x{member[-1]}"
    assert f"did you mean {member}?" in str(compiled(WAYS[way].format(place, misspelt)))


@pytest.mark.parametrize(("name", "shape"), CLOSED.items())
def test_every_closed_member_compiles_and_every_one_cut_short_does_not(name: str, shape: Shape) -> None:
    for place, member, own in places(name, shape):
        written = f"!has({place}.{member})"
        assert isinstance(compiled(written), Condition), written
        assert f"has no member {member[:-1]}:" in str(compiled(f"!has({place}.{member[:-1]})")), written
        assert own is None or isinstance(compiled(f"size({place}.{member}) == 0"), Condition)


def places(place: str, shape: Shape) -> list[tuple[str, str, Shape]]:
    if isinstance(shape, Items):
        return places(f"{place}[0]", shape.item)
    members = shape.members.items() if isinstance(shape, Members) else ()
    return [(place, member, own) for member, own in members] + [
        one for member, own in members for one in places(f"{place}.{member}", own)
    ]


def test_the_members_are_those_of_the_values_and_no_others() -> None:
    """Everything that can be said is said here, so that what a value has and what may be asked can't part."""
    source = SourceClaim(**dict.fromkeys(SourceClaim.__slots__, "a"))
    record = replace(
        PROVENANCE,
        source=source,
        runner_environment="a",
        invocation_id="a",
        dependencies=(Dependency(uri="a", digests={}),),
    )
    signer = CertificateSigner(
        trust_root="a",
        issuer="a",
        subject_type=SubjectType.URI,
        subject="a",
        extensions=Extensions(**dict.fromkeys(EXTENSIONS.values(), "a")),
    )
    built = replace(BUILT, provenance=record, signer=signer)
    by_certificate = {**variables(facts(built)), "provenance": provenance_of(built)}
    by_key = variables(facts(replace(built, signer=made.signer())))
    said = {*paths("", by_certificate), *paths("", by_key)}
    asked = {f"{place}.{member}" for name, shape in CLOSED.items() for place, member, _ in places(name, shape)}
    assert asked == {one for one in said if one.partition(".")[0] in CLOSED and one.count(".")} - OPEN
    assert {name for name in TYPES if name not in CLOSED} == {"predicate", "now"}


OPEN = {
    "provenance.externalParameters.inputs",
    "provenance.externalParameters.inputs.channel",
    "provenance.externalParameters.inputs.count",
    "provenance.externalParameters.inputs.ratio",
    "provenance.externalParameters.list",
    "workload.labels.app",
}


def paths(place: str, value: object) -> list[str]:
    if isinstance(value, list):
        return [path for item in value if isinstance(item, dict) for path in paths(f"{place}[0]", item)]
    if not isinstance(value, dict):
        return []
    named = [(f"{place}.{name}".removeprefix("."), own) for name, own in value.items()]
    return [path for path, _ in named] + [deeper for path, own in named for deeper in paths(path, own)]


@pytest.mark.parametrize(
    "expression",
    [
        "provenance.dependencies.all(one, one.{} != '')",
        "provenance.dependencies.exists(one, !has(one.{}))",
        "provenance.dependencies.exists_one(one, has(one.{}))",
        "size(provenance.dependencies.filter(one, has(one.{}))) == 1",
        "provenance.dependencies.filter(one, has(one.digests.a)).all(one, has(one.{}))",
        "provenance.dependencies.filter(one, has(one.digests.a))[0].{} == ''",
        "provenance.dependencies.all(certificate, !has(certificate.{}))",
    ],
)
def test_macros_carry_the_members_of_their_items(expression: str) -> None:
    assert isinstance(compiled(expression.format("uri")), Condition)
    assert "did you mean uri?" in str(compiled(expression.format("url")))


def test_a_macros_variable_hides_a_closed_one_of_its_name() -> None:
    assert isinstance(compiled("predicate.a.all(image, image.nosuch == 1)"), Condition)
    assert "image has no member nosuch" in str(compiled("predicate.a.all(image, true) && image.nosuch == ''"))


@pytest.mark.parametrize(
    "expression",
    [
        "certificate == {'issur': 'a'}",
        "certificate.extensions != certificate.extensions",
        "certificate.extensions.all(name, name != 'runnerEnviroment')",
        "!(predicate.a in certificate.extensions)",
        "certificate[predicate.a] == ''",
        "image[image.tag] == ''",
        "dyn(certificate).issur == ''",
        "type(certificate) == map",
        "[certificate][0].issur == ''",
        "{'a': certificate}.a.issur == ''",
        "[[certificate]].all(one, !has(one.issur))",
        "predicate.a.all(one, !has([certificate][0].issur))",
        "(true ? certificate : certificate.extensions).issur == ''",
        "!has((true ? certificate : predicate).issur)",
        "!has((true ? certificate : predicate).issuer)",
        "!has((true ? certificate : statement).issuer)",
        "provenance.dependencies == []",
        "!({'url': 'a'} in provenance.dependencies)",
        "provenance.dependencies in [predicate.a]",
        "size(provenance.dependencies + provenance.dependencies) == 0",
        "provenance.dependencies.url == ''",
        "provenance in [predicate]",
    ],
)
def test_a_use_that_could_hide_a_misspelt_member_does_not_compile(expression: str) -> None:
    assert isinstance(compiled(expression), str)


def test_only_a_filter_keeps_items_as_they_are() -> None:
    """No condition has a map, but nothing here relies on it."""
    written = "provenance.dependencies.{}.all(one, one.uri == 'a')"
    env = NewEnv(variables=TYPES)
    kept, made = (env.compile(written.format(one)) for one in ("filter(d, has(d.uri))", "map(d, true, certificate)"))
    assert member_problem(kept.serialize()) is None
    assert "certificate is not used as a whole" in str(member_problem(made.serialize()))


@pytest.mark.parametrize(
    "expression",
    [
        "size(certificate) == 0",
        "size(provenance.dependencies) == 1",
        "size(provenance.dependencies) == 1 && provenance.dependencies[0].digests.sha256 == 'a'",
        "!has(predicate.anything) && !has(workload.labels.anything)",
        "provenance.externalParameters == {} || 'a' in provenance.externalParameters",
        "(now > now ? workload.labels : provenance.externalParameters).anything == 'a'",
        "workload.labels.all(name, name.startsWith('a'))",
    ],
)
def test_what_is_open_or_counts_only_stays_free(expression: str) -> None:
    assert isinstance(compiled(expression), Condition)


@pytest.mark.parametrize("length", [100, 1900])
def test_a_path_of_any_length_compiles_or_is_a_problem(length: int) -> None:
    found = compiled("!has(predicate" + ".a" * length + ")")
    assert isinstance(found, Condition | str)
    assert isinstance(compiled("!has(provenance.nosuch" + ".a" * length + ")"), str)


@pytest.mark.parametrize("text", [b"", b"\x12", b"\x12\x01", b"\x12\x00", b"\x0b", b"\x12\x02\x22\x00", b"\xff" * 20])
def test_a_tree_that_can_not_be_read_is_a_problem(text: bytes) -> None:
    assert member_problem(text)
    with pytest.raises(ValueError):  # noqa: PT011
        read_tree(text)
