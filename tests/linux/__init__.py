"""The kernel edge, as far as it needs no namespace."""
