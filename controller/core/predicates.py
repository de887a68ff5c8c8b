"""The predicate types that mean something to Navicert, by the URI that was signed."""

PROVENANCE_V1 = "https://slsa.dev/provenance/v1"
COSIGN_SIGN_V1 = "https://sigstore.dev/cosign/sign/v1"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"  # no predicate: the payload type stands for it

PROVENANCE = frozenset({PROVENANCE_V1})
IMAGE_SIGNATURE = frozenset({COSIGN_SIGN_V1, SIMPLE_SIGNING})
