"""The whole product on one machine without a cluster: sample images, a registry, reviews and their answers."""
