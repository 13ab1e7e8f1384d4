"""Reads a setting of its own when it is imported, and fails."""

import os

TOKEN = os.environ["CABINET_TOKEN_THAT_NOBODY_SETS"]
