"""Surrogates as evaluators that need nothing of this program."""
