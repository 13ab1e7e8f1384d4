"""The settings, and where their values come from."""
