"""Benchmarks: each a command that prints a table, and compares in one run."""
