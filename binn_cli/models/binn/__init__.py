"""The B-INN engine: bases, decompositions, inference and posterior, on the host in float64 throughout."""
