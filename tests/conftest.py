"""For all tests: a property takes as long as the machine lets it, for time is measured in benchmarks."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
