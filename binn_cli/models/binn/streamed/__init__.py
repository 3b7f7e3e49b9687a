"""B-INN from rows that are read in chunks, summed over devices and processes."""
