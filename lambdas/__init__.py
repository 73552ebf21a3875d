"""Code that runs in AWS Lambda.

Standard library plus each function's own few dependencies; nothing of this project.
"""
