"""Tucker decompositions: every axis has its own number of functions, and a core couples them."""
