"""One of each kind of broken plugin."""
