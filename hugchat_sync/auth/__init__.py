"""Which credentials there are, whether they still hold, and how to get new ones."""
