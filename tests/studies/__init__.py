"""Numerical studies of the method, each a page of data/studies/ with its figure; `make studies` runs them all."""
