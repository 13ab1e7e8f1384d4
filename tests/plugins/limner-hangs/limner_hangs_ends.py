"""Ends the process that imports it, in a way that nothing can catch, and speaks out of turn."""

import os

print('[{"name": "perils"}]', flush=True)
os._exit(3)
