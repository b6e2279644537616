"""How requests leave and replies arrive: one session, one loop that repeats, the clocks."""
