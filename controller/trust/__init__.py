"""Verification: the only package that knows cryptography. No I/O; the clock is passed in."""
