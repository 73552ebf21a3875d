"""Reproducible comparisons, each one command."""
