"""The version of this package, where setup.cfg reads it."""

__version__ = "0.1.0"
