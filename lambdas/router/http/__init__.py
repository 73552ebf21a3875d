"""HTTP/1.1 over asyncio and httptools' parsers: what the router needs of it, and nothing of AWS or of models.

errors          what can go wrong towards a server, and what a client is refused for
client          requests to servers: kept connections, time limits, bounded answers
pool            the kept connections to one origin
connection      one connection: an exchange at a time, whole or piece by piece
origin, tls     where a server is, and whom to trust there
server          accepts connections, bounds them, drains them
serving         one accepted connection: requests in turn, streamed answers, clients that go away
request_reader  bytes -> requests, pure
response_head   status and headers -> bytes, pure
"""
