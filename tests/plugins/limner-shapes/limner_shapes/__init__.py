"""Providers for tests of the page: `shapes` obeys the prompt, `hostile` tries to escape from its text."""
