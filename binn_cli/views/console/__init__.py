"""What is seen in a terminal: a run while it goes on (`live`), and tables afterwards (`show`, `tables`, `compare`,
`comparison`)."""
