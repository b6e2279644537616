"""The way through an identity provider to a signed-in session; ends with cookies."""
