"""One-dimensional bases on the unit interval, behind one protocol."""
