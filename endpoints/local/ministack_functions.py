"""ministack's Lambda functions as the web adapter takes them: code, configuration, environment, log."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partialmethod
from typing import Any

from endpoints.local.web_functions import DeployedFunction

_DEFAULT_TIMEOUT_S = 3
_FIRST_LINE_WAIT_S = 0.005


def deployed_function(reference: str, scope: Mapping[str, Any]) -> DeployedFunction | None:
    """The function that an integration names, as it is now; None when there is none or it has no code.

    `scope` holds the API's `owner_account_id` and `owner_region`.
    """
    record, config, _ = _lambda()._get_func_record_for_ref_in_scope(
        reference, account_id=scope.get("owner_account_id"), region=scope.get("owner_region")
    )
    code = (record or {}).get("code_zip")
    if config is None or not code:
        return None
    variables = dict((config.get("Environment") or {}).get("Variables") or {})
    return DeployedFunction(
        arn=config["FunctionArn"],
        name=config["FunctionName"],
        handler=config["Handler"],
        variables=variables,
        environment={**variables, **_set_by_lambda(config)},
        code=code,
        code_sha256=config["CodeSha256"],
        timeout_s=int(config.get("Timeout", _DEFAULT_TIMEOUT_S)),
        memory_mib=int(config.get("MemorySize", 128)),
        log=_log_of(config),
    )


def runs_under_the_adapter(arn: str) -> bool:
    """Whether there is such a function, and the web adapter starts it."""
    _, _, _, region, account, *_ = arn.split(":")
    function = deployed_function(arn, {"owner_account_id": account, "owner_region": region})
    return function is not None and function.is_web_server


def wait_less_for_logs() -> None:
    """A function that writes nothing answers 50 ms late: so long ministack waits for a first line of its log.

    Lines are written before the answer is, so a few milliseconds are enough for the thread that reads them.
    """
    worker = importlib.import_module("ministack.core.lambda_runtime").Worker
    worker._drain_stderr_bounded = partialmethod(
        worker._drain_stderr_bounded, first_line_wait=_FIRST_LINE_WAIT_S
    )


def _set_by_lambda(config: Mapping[str, Any]) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""
    region = config["FunctionArn"].split(":")[3]
    credentials = importlib.import_module("ministack.core.lambda_runtime").execution_credentials(config)
    return {
        **{name: value for name, value in credentials.items() if value},
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_LOG_GROUP_NAME": _group_of(config),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}",
        "TZ": ":UTC",
        "PYTHONUNBUFFERED": "1",
    }


def _log_of(config: Mapping[str, Any]) -> Callable[[Sequence[str]], None]:
    """What writes lines to the function's log group. From any thread."""
    group, (account, region) = _group_of(config), _scope_of(config)
    stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{os.urandom(16).hex()}"

    def write(lines: Sequence[str]) -> None:
        logs = importlib.import_module("ministack.services.cloudwatch_logs")
        now_ms = int(time.time() * 1000)
        with importlib.import_module("ministack.core.responses").request_scope(account, region):
            streams = logs._log_groups.get(group, {}).get("streams")
            if streams is None:
                return  # the group went with its stack
            record = streams.setdefault(stream, _new_stream(now_ms))
            logs._append_log_events(
                record, [{"timestamp": now_ms, "message": line, "ingestionTime": now_ms} for line in lines]
            )

    return write


def _new_stream(now_ms: int) -> dict[str, Any]:
    return {
        "events": [],
        "uploadSequenceToken": "1",
        "creationTime": now_ms,
        "firstEventTimestamp": None,
        "lastEventTimestamp": None,
        "lastIngestionTime": None,
    }


def _group_of(config: Mapping[str, Any]) -> str:
    return (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"


def _scope_of(config: Mapping[str, Any]) -> tuple[str, str]:
    parts = config["FunctionArn"].split(":")
    return parts[4], parts[3]


def _lambda() -> Any:
    return importlib.import_module("ministack.services.lambda_svc")
