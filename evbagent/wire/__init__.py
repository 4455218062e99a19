"""Octets to frozen values and back; imports nothing of ours outside this package."""
