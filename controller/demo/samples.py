"""The sample images: one that is in order, and others that each have exactly one thing wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from controller.demo.images import SampleImage, attach, build_image
from controller.demo.signing import SampleKey, render_bundle, render_tampered_bundle
from controller.demo.statements import Origin, image_signature, provenance

REPOSITORY = "acme/shop"
TAG = "1.2.3"
TAGGED = "released"  # the sample that the tag points to

_OFFICIAL = Origin()
_FOREIGN = Origin(repository="https://github.com/mallory/shop")
_EXPERIMENT = Origin(ref="refs/heads/experiment")
_RUNNER = Origin(builder_id="https://builds.acme.example/shared-runner")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleKeys:
    """Who signs: two builders and the release team, whom the TrustRoot knows, and a stranger."""

    platform: SampleKey
    runner: SampleKey
    release: SampleKey
    stranger: SampleKey

    @classmethod
    def generate(cls) -> Self:
        """Fresh keys for all of them."""
        fresh = SampleKey.generate
        return cls(platform=fresh(), runner=fresh(), release=fresh(), stranger=fresh())

    def trusted(self) -> Mapping[str, SampleKey]:
        """The keys of the TrustRoot, by the names it gives them."""
        return {"platform": self.platform, "shared-runner": self.runner, "release": self.release}


def build_samples(keys: SampleKeys) -> Mapping[str, SampleImage]:
    """The images of the repository, by what is wrong with them."""
    unsigned, attested, released = build_image("unsigned"), build_image("attested"), build_image("released")
    return {
        "unsigned": unsigned,
        "attested": _attested(attested, _OFFICIAL, keys.platform),
        "released": _released(released, keys),
        "foreign": _attested(build_image("foreign"), _FOREIGN, keys.platform),
        "experiment": _attested(build_image("experiment"), _EXPERIMENT, keys.platform),
        "runner": _attested(build_image("runner"), _RUNNER, keys.runner),
        "stranger": _attested(build_image("stranger"), _OFFICIAL, keys.stranger),
        "borrowed": _borrowed(build_image("borrowed"), attested, keys.platform),
        "tampered": _tampered(build_image("tampered"), keys.platform),
    }


def _attested(image: SampleImage, origin: Origin, key: SampleKey) -> SampleImage:
    return attach(image, [render_bundle(provenance(image.digest, origin), key)])


def _released(image: SampleImage, keys: SampleKeys) -> SampleImage:
    built = render_bundle(provenance(image.digest, _OFFICIAL), keys.platform)
    signed = render_bundle(image_signature(image.digest), keys.release)
    return attach(image, [built, signed])


def _borrowed(image: SampleImage, other: SampleImage, key: SampleKey) -> SampleImage:
    """Genuine provenance, but of another image."""
    return attach(image, [render_bundle(provenance(other.digest, _OFFICIAL), key)])


def _tampered(image: SampleImage, key: SampleKey) -> SampleImage:
    """A genuine signature over the truth, beside a payload that claims the official source."""
    truth, lie = provenance(image.digest, _FOREIGN), provenance(image.digest, _OFFICIAL)
    return attach(image, [render_tampered_bundle(truth, lie, key)])
