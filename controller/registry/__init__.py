"""The OCI side: the only package with an HTTP client for registries."""
