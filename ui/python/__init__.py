"""Pictures for programs in Python, without a server."""
