"""The API's Lambda authorizer: it reads the caller's key where callers send it. Standard library only."""
