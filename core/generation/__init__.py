"""The one road from a request to a stored picture."""
