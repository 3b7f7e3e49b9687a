"""What learns: surrogates behind one protocol."""
