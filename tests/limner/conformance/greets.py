"""Writes to standard output when it is imported."""

from paint import dots

print("Welcome to Dots!")
describe, generate = dots.describe, dots.generate
