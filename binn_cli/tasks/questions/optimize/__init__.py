"""Where an output is best."""
