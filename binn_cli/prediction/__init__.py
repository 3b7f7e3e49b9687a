"""Predictions at points that come from a file or from Python, block by block."""
