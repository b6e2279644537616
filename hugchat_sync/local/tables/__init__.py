"""What the server keeps: one file per table."""
