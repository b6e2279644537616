"""Cookies in every form, and the file that they are kept in."""

from .disk import data_directory, default_directory, file_of, require_directory
from .store import CookieStore
from .values import Hidden, QuietJar

__all__ = [
    "CookieStore",
    "Hidden",
    "QuietJar",
    "data_directory",
    "default_directory",
    "file_of",
    "require_directory",
]
