import json

from controller.demo.images import attach, build_image, referrers_index
from controller.demo.registry import Pulls

IMAGE = attach(build_image("one"), [b"first", b"second"])
PULLS = Pulls.of("acme/shop", {"one": IMAGE, "bare": build_image("bare")}, {"1.0": IMAGE.digest})


def test_everything_is_served_under_its_own_digest() -> None:
    for path, content in PULLS.answers.items():
        kind, _, name = path.partition("/")
        if name.startswith("sha256:") and kind != "referrers":
            assert name == str(content.digest)


def test_a_tag_serves_the_image_it_points_to() -> None:
    assert PULLS.answers["manifests/1.0"].digest == IMAGE.digest


def test_every_blob_and_referrer_that_a_manifest_names_can_be_pulled() -> None:
    for path, content in PULLS.answers.items():
        if path.startswith("manifests/"):
            document = json.loads(content.body)
            for descriptor in (document["config"], *document["layers"]):
                assert len(PULLS.answers[f"blobs/{descriptor['digest']}"].body) == descriptor["size"]
        elif path.startswith("referrers/"):
            for descriptor in json.loads(content.body)["manifests"]:
                assert f"manifests/{descriptor['digest']}" in PULLS.answers


def test_an_image_without_evidence_has_an_empty_list_of_referrers() -> None:
    assert json.loads(referrers_index(build_image("bare")).body)["manifests"] == []
    assert len(json.loads(referrers_index(IMAGE).body)["manifests"]) == 2
