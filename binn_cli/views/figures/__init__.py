"""`binn figures`: what many runs show together, in the arrangement of the paper, for print."""
