"""The way through an identity provider to a signed-in session; ends with cookies."""

from .walk import Walk

__all__ = ["Walk"]
