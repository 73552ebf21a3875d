"""The stager's pure core."""
