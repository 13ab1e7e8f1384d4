"""What an attacker tries with a running Limner, by a script and in a real browser.

`test_every_attack.py` lists every attack that is known, and the tests that show how each of them fails, here
and elsewhere.
"""
