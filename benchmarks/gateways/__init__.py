"""The parts of `benchmarks/router.py`: one upstream, one load generator, and the gateways between them.

upstream   answers at once, as SageMaker's runtime and as an OpenAI server; a process of its own
load       asks and measures; a process of its own
subjects   the gateways: how each is installed, started and asked
processes  starting, waiting for and ending them
figures    samples -> ratios with their spread; the goals
"""
