"""Octets to values and back: vectors, tables, and what a hostile peer may send."""
