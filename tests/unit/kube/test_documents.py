"""Documents of the API server: one object that can't be read takes nothing from the others, and is never lost."""

import json

import pytest

from controller.core.errors import ApiServerUnavailable
from controller.core.policy import BrokenPolicy
from controller.engine.compiling import KeyedPolicy, compile_object
from controller.kube.documents import Form, parse_document, shallow
from tests.support import objects

MOST_LEVELS = 10_000  # sigs.k8s.io/json, the API server's own bound; no Python's decoder goes as deep
METADATA = b'{"name":"deep","namespace":"shop","uid":"1","resourceVersion":"7","labels":{"a":"b"},"managedFields":[%b]}'


def nested(levels: int) -> bytes:
    return b'{"f:a":[' * (levels // 2) + b"1" + b"]}" * (levels // 2)


def policy_with(part: bytes, *, fields: bytes = b"") -> bytes:
    metadata = METADATA % (b'{"manager":"kubectl","fieldsV1":%b}' % fields if fields else b"")
    head = b'{"apiVersion":"navicert.dev/v1alpha1","kind":"SLSAPolicy","metadata":%b' % metadata
    return head + b',"spec":{"mode":"Audit","foo":%b}}' % part


def page_of(*items: bytes) -> bytes:
    return b'{"metadata":{"resourceVersion":"9"},"items":[' + b",".join(items) + b"]}"


GOOD = json.dumps(objects.policy(namespace="shop", odd='[{"\\"]}\\')).encode()
UNREADABLE = [
    pytest.param(policy_with(nested(MOST_LEVELS)), id="spec"),
    pytest.param(policy_with(nested(MOST_LEVELS), fields=nested(MOST_LEVELS)), id="spec and fields managed"),
    pytest.param(
        policy_with(b"[" * MOST_LEVELS + b'"]]]\\"]"' + b"]" * MOST_LEVELS), id="lists around a string of brackets"
    ),
    pytest.param(policy_with(b'"\xff"'), id="no text"),
    pytest.param(policy_with(b"1e999"), id="no number"),
]


@pytest.mark.case("SVC-002")
@pytest.mark.parametrize("unreadable", UNREADABLE)
def test_an_object_that_cannot_be_read_is_broken_and_takes_nothing_from_the_others(unreadable: bytes) -> None:
    page = parse_document(page_of(GOOD, unreadable, b"{}", GOOD), Form.PAGE)
    first, broken, empty, last = page["items"]
    assert page["metadata"] == {"resourceVersion": "9"}
    assert first == last == json.loads(GOOD)
    assert empty == {}
    assert (broken["metadata"]["uid"], broken["metadata"]["labels"]) == ("1", {"a": "b"})
    keyed = compile_object(broken)
    assert isinstance(keyed, KeyedPolicy)
    compiled = keyed.unlinked.policy
    assert isinstance(compiled, BrokenPolicy)
    assert str(compiled.name) == "SLSAPolicy/shop/deep"
    assert compiled.match.namespace == "shop"


@pytest.mark.parametrize("unreadable", UNREADABLE)
def test_an_event_and_a_single_object_are_read_so_too(unreadable: bytes) -> None:
    event = parse_document(b'{"type":"ADDED","object":%b}' % unreadable, Form.EVENT)
    alone = parse_document(unreadable, Form.OBJECT)
    assert event["type"] == "ADDED"
    assert event["object"] == alone
    assert set(alone) == {"apiVersion", "kind", "metadata"}


def test_an_object_just_below_the_decoders_depth_alone_is_no_less_readable_in_a_page() -> None:
    for levels in range(900, 1010, 2):
        page = parse_document(page_of(policy_with(nested(levels)), GOOD), Form.PAGE)
        assert [item["metadata"]["name"] for item in page["items"]] == ["deep", "production"]


def test_a_kind_of_kubernetes_own_in_a_list_stays_without_version_and_kind() -> None:
    namespace = b'{"metadata":{"name":"shop","labels":{"a":"b"}},"status":%b}' % nested(MOST_LEVELS)
    page = parse_document(page_of(namespace), Form.PAGE)
    told = {"f:a": [{"f:a": None}]}
    assert page["items"] == [{"metadata": {"name": "shop", "labels": {"a": "b"}}, "status": told}]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"junk", id="junk"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"items":[{"a":"', id="cut off in a string"),
        pytest.param(b'{"items":[{"a":"\\', id="cut off in an escape"),
        pytest.param(b"}]}]" * 1000, id="ends only"),
        pytest.param(b"[" * 100_000, id="beginnings only"),
        pytest.param(nested(MOST_LEVELS), id="no metadata"),
        pytest.param(b'{"metadata":{"name":"\xff"}}', id="metadata that is no text"),
    ],
)
@pytest.mark.parametrize("form", Form)
def test_what_is_no_document_is_an_error_of_ours(content: bytes, form: Form) -> None:
    with pytest.raises(ApiServerUnavailable, match=r"no JSON|no object"):
        parse_document(content, form)


@pytest.mark.parametrize("metadata", [b'"metadata":[],', b'"metadata":{"name":"\xff"},', b""])
def test_a_page_with_an_object_that_nobody_can_tell_is_an_error(metadata: bytes) -> None:
    with pytest.raises(ApiServerUnavailable, match="no JSON"):
        parse_document(page_of(GOOD, b'{%b"spec":%b}' % (metadata, nested(MOST_LEVELS))), Form.PAGE)


def test_what_is_given_to_others_names_each_object_and_is_never_deep() -> None:
    owner = b'{"kind":"ReplicaSet","name":"web-1"}'
    one = b'{"metadata":{"name":"web","ownerReferences":[%b]},"spec":%b}' % (owner, nested(MOST_LEVELS))
    page = json.loads(shallow(page_of(one)))
    assert page["items"][0]["metadata"] == {"name": "web", "ownerReferences": [json.loads(owner)]}
    assert page["metadata"] == json.loads(page_of(b"1"))["metadata"]
    assert shallow(b'{"no":') == b'{"no":'
