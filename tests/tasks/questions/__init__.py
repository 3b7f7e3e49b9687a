"""Tests of `binn_cli.tasks.questions`."""
