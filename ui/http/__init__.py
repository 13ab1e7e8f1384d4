"""The server: its routes, and what is in front of them."""
