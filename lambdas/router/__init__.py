"""The router: one URL in front of every use case's SageMaker endpoint.

A pure core with thin edges. Pure, no input or output and no AWS import:

    route_table    the table that says which candidates serve a use case and how; its reader and its source
    messages       the request and the response, free of Lambda and HTTP servers
    errors         what a caller is told, in OpenAI's shape
    strict_json    JSON as the standard has it, bounded
    fields         a request's bytes -> JSON object, and checks of its fields
    choosing/      whom a request asks, in which order: names, requirements, experiments
    api/           the request schemas: validate, render for an engine, read the engine's answer, whole or not at all
    answers, sse   what all engines' answers, streams and errors have in common
    failures       an upstream fault -> what follows for the request, for a repetition, for the candidate
    deadline       how long a request, and each of its attempts, may take
    ports          what the core asks of an upstream and of a request schema
    asking/        candidates in their turns until one answers: repetitions, breakers, hedges, streams, shadows
    trace          what happened to a request; `trace_context`: in whose trace; `cost`: for how much, by estimate
    limits/        what a key may use: reserved before a model is asked, settled after the answer
    telemetry/     a request's story -> its log line, with metrics, cost and, where they are wanted, texts
    outage         a table that does not answer: left alone for a while, told once
    refreshed_table the route table, looked at again beside the traffic
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
    route_table_object, limits.dynamodb, breaker_items
                   where newer route tables are, where keys are counted, where processes tell of candidates
    log, log_queue lines on standard output, after the answers
"""
