"""The router under every fault: a scripted SageMaker on loopback, the real server in a process of its own.

upstream     SageMaker's runtime protocol, scripted per candidate; it remembers what it saw
behaviours   what a candidate can do: answers, refusals, silences, cuts
whole, streamed
             every fault with what must follow from it
oracle       what must follow from two of them at once
stage        the upstream, the router's process, and a client that speaks HTTP by itself
judge        what the caller got and what the upstream saw, held against what must be
"""
