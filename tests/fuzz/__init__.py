"""Fuzzing: targets that take any octets, what must hold whatever they are, and two ways to run them.

`make fuzz` lets libFuzzer look for octets that reach new code; `make test` runs the same targets on inputs made from a
seed, and on everything that was ever found. A target takes octets and raises where something is wrong.
"""
