"""Many runs: which of them are needed, each in a process of its own, and how they went."""
