"""Bytes in, bytes out: listeners, limits, and the gateway to the operations."""
