"""Puts a deploy's route table where the router reads it. Standard library and the runtime's own boto3."""
