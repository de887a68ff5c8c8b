"""The operator: the only writer. The only package that knows kopf and tuf."""
