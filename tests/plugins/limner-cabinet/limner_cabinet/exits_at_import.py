"""Ends the program when it is imported."""

import sys

sys.exit("limner-cabinet needs a newer kernel")
