"""The daemon, without a kernel behind it."""
