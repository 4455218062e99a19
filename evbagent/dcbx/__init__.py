"""DCBX discovery: what the peer offers, and where it differs from what the kernel has; nothing is negotiated."""
