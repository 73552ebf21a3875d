"""The router: one URL in front of every use case's SageMaker endpoint.

A pure core with thin edges. Pure, no input or output and no AWS import:

    route_table    the table that says which endpoint and candidates serve a use case
    messages       the request and the response, free of Lambda and HTTP servers
    errors         what a caller is told, in OpenAI's shape
    strict_json    JSON as the standard has it, bounded
    fields         a request's bytes -> JSON object, and checks of its fields
    choice         `use-case[:candidate]` -> the candidates to try, in order
    api/           the request schemas: validate, render for an engine, read the engine's answer, whole or not at all
    answers, sse   what all engines' answers, streams and errors have in common
    failures       an upstream fault -> fall over or tell the caller; every attempt's fault -> one error
    deadline       how long a request, and each of its attempts, may take
    ports          what the core asks of an upstream and of a request schema
    attempts       candidates one after the other until one answers
    live_stream    a stream from its first piece to its end; what breaks it after its beginning is told in it
    trace          what happened to a request
    listing        `/v1/models`
    routing        method and path -> operation
    service        puts them together against an `Upstream`

The edges:

    sagemaker      an `Upstream` over SageMaker, with `sagemaker_faults` and `eventstream`
    aws/           addresses, credentials and signing without the SDK's weight
    http/          HTTP/1.1, as a client and as a server
    assembly       puts core and edges together
    handler        the Lambda function for whole answers, with `proxy_event` (API Gateway's proxy event)
    server, web    the HTTP server, under the Lambda Web Adapter (`adapter_context`) and on a laptop
    gateway_context what API Gateway says about a request beside HTTP itself
    log            one JSON line per request
"""
