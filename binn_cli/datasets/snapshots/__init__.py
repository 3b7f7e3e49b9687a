"""A folder of simulations that exist: one file each, and what their parameters were."""
