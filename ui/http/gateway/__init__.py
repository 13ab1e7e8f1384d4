"""OpenAI's Images API in front of every provider, for the clients that people already have."""
