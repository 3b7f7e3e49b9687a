"""Runs side by side: what sets them apart, what came out, and which is best."""
