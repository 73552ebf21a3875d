"""A process that serves one model as many SageMaker containers, each with its own settings."""
