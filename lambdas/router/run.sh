#!/bin/sh
# The function's handler under the Lambda Web Adapter: Lambda's Python runs the router as an HTTP server on $PORT.
cd "$LAMBDA_TASK_ROOT" || exit 1
exec python3 -m lambdas.router
