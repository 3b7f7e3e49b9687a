"""What the shells run: one script each."""
