"""Cookies in every form, and the file that they are kept in."""

from .disk import default_directory, file_of
from .jar import QuietJar
from .store import CookieStore

__all__ = ["CookieStore", "QuietJar", "default_directory", "file_of"]
