"""Studies: questions about the methods that take minutes to answer; `make studies` answers them all."""
