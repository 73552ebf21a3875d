"""What the soak is made of: callers that account for every request, a SageMaker that sprinkles faults, slopes."""
