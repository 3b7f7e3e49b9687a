"""Sums of products of one-dimensional functions: the canonical polyadic (CP) decomposition."""
