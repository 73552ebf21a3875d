"""Snapshots of model weights in the environment's bucket: where they lie, what proves them, which may go. Pure."""
