"""One conversation and one answer: what is asked, the run on the server, the message."""
