"""The user's own solver as a data set: parameters, calls, what is kept of them, and what becomes of their output."""
