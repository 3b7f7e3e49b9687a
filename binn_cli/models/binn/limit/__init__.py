"""The limit of infinitely many modes: a Gaussian process whose kernel is the product of the bases' kernels (Theorem
3.2)."""
