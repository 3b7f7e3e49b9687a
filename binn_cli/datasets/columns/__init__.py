"""Files of named columns of numbers, of every kind that users bring, read as they are."""
