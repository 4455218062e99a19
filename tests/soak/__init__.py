"""The daemon left alone with faults of all kinds, for as long as one likes."""
