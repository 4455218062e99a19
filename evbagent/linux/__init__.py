"""The only package with a system call."""
