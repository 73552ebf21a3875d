"""Limits per API key: requests of a minute and tokens of a day, counted in one table for all processes.

settings   which limits there are, from the function's environment
window     minutes and days by UTC, and what a count in one is called
admission  what a request was given of its key's limits, and what its caller is told of them
key_limits reserves before a model is asked, settles when the answer is known
dynamodb   the counter: one atomic addition a call
"""
