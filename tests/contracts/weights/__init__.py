"""The stager against the real things: the embedded AWS and the local Hub."""
