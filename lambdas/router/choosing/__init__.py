"""Whom a request asks, in which order. Pure.

choice        `use-case[:candidate]` -> the candidates that are meant
wishes        what a request's headers say about how it is to be treated
requirements  what a candidate must be
experiments   units -> arms, by hash
plan          puts them together
"""
