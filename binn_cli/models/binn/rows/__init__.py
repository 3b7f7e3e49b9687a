"""Rows that are read in chunks, so that they may be larger than memory: looked at once, then summed pass by pass."""
