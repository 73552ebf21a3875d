"""Lambda functions that are HTTP servers: what the Lambda Web Adapter does on AWS, done here.

On AWS a layer starts the function's program and turns each invocation into an HTTP request to it. Here the program is
started from the function's own bundle and API Gateway's requests go to it directly, so an answer reaches the caller
as it comes.

    deployed   what is known of a function and of a call
    program    one function's bundle, unpacked and running
    adapter    function -> running program -> answer
    answer     an answer on its way to the caller, who may leave at any time
"""

from endpoints.local.web_functions.adapter import WebAdapter
from endpoints.local.web_functions.answer import StreamedAnswer
from endpoints.local.web_functions.deployed import DeployedFunction, ProxyCall
from endpoints.local.web_functions.program import ProgramFailed

__all__ = ["DeployedFunction", "ProgramFailed", "ProxyCall", "StreamedAnswer", "WebAdapter"]
