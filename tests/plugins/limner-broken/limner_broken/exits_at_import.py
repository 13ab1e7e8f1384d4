"""Ends the program when it is imported."""

import sys

sys.exit("limner-broken needs a newer kernel")
