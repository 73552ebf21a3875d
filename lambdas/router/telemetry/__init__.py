"""What is seen of the router from outside: one line per request, and the metrics in it.

request_line   a request's story -> its log line, with OpenTelemetry's names for what generative models do
shadow_line    the same of a shadow request
emf            the part of a line from which CloudWatch Logs makes metrics
texts          prompt and answer, where a use case wants them logged
redaction      what is taken out of them first
"""
