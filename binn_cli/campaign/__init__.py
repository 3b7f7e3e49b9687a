"""Campaigns: somebody else runs the simulations, asks which ones and tells what came out."""
