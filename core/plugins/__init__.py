"""The plugins: found, checked, listed and called."""
