"""The server: its routes, and what stands in front of them."""
