"""Navicert: an admission controller that admits an image only when its origin is proven."""

__version__ = "0.1.0"
