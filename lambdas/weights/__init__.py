"""The stager: copies a pinned snapshot from the Hub into the account's own bucket, and proves every byte."""
