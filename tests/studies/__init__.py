"""Numerical studies of the method, each a page of docs/studies/ with its figure; `make studies` runs them all."""
