"""The Kubernetes API server: the only package that talks to it."""
