"""Cookies in every form, and the file that they are kept in."""
