"""Lengths, coordinates, centres and ranks: what a configuration states, and what the data choose where it says auto."""
