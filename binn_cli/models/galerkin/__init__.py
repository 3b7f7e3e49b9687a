"""Equations solved without data: Galerkin's method in products of one-dimensional spaces, on the host in float64."""
