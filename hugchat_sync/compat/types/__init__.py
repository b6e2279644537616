"""The old package's records."""
