"""Questions to a surrogate that a run has left behind; no data are read."""
