"""The faces of a studio: the page, the server's routes, the command line, and calls in Python."""
