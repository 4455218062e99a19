"""Benchmarks: figures beside the kernel's own cost in the same run, as ratios; nothing here judges a time."""
