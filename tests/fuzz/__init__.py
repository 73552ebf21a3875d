"""Whatever arrives, from callers or from engines, there is an answer or a well-formed error, in time.

    python -m tests.fuzz --inputs 100000 [--seed N] [--only NUMBER]

chaos        seeded changes to JSON, to bytes, and to where a stream is cut in pieces
network      an event loop with virtual time whose connections are scripted: no sockets, no waiting
callers      inputs of the core: paths, headers, bodies
engines      inputs from behind: the bytes that SageMaker and the engines send, down to HTTP
wire         inputs of the HTTP server: the bytes that a client sends
holds        what must hold for every answer
campaign     runs inputs of all kinds; each can be made again from the seed and its number
"""
