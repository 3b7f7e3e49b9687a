"""What is asked of a surrogate: regress, scaling, active_learn."""
