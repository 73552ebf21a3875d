"""What ministack's REST APIs lack: keys that an authorizer names, and answers that stream.

Both are put around functions of `ministack.services.apigateway_v1`, whose names `ministack_private` checks.
Authentication, keys, throttles, quotas, validation and gateway responses stay ministack's.

    apiKeySource AUTHORIZER    the key comes from the authorizer's `usageIdentifierKey`
    responseTransferMode       kept (ministack forgets it), and STREAM answers by the Lambda Web Adapter's rules
    requestContext.identity    has `apiKey` and `apiKeyId`, as on AWS
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

import httpx
from starlette.types import Receive

from endpoints.local.ministack_functions import deployed_function
from endpoints.local.web_functions import ProgramFailed, ProxyCall, StreamedAnswer, WebAdapter
from endpoints.local.web_functions.adapter import ForbiddenPathError
from endpoints.local.web_functions.answer import CallerLeftError

caller: ContextVar[Receive | None] = ContextVar("caller", default=None)
"""The channel on which the request's caller can be seen to leave; the gateway sets it."""

STREAMING_SUFFIX: Final = "/response-streaming-invocations"
_KEY_OF_AUTHORIZER: Final = "usageIdentifierKey"  # carried through ministack's cache in the answer's context
_authorized_key: ContextVar[str | None] = ContextVar("authorized_key", default=None)

logger = logging.getLogger("endpoints.local")


def take_keys_from_authorizers() -> None:
    """Let `apiKeySource: AUTHORIZER` mean what it means on AWS."""
    gateway = _gateway()
    authorize, invoke = gateway._authorize_request_v1, gateway._invoke_authorizer_lambda
    key_of_headers, build_event = gateway._api_key_from_request, gateway._build_lambda_event_v1

    async def invoke_authorizer(*arguments: Any, **named: Any) -> Any:
        return _with_key_in_context(await invoke(*arguments, **named))

    async def authorize_request(api_id: str, *arguments: Any, **named: Any) -> Any:
        error, context = await authorize(api_id, *arguments, **named)
        given = dict(context or {})
        key = given.pop(_KEY_OF_AUTHORIZER, "")
        named_by_authorizer = (gateway._rest_apis.get(api_id) or {}).get("apiKeySource") == "AUTHORIZER"
        _authorized_key.set(key if named_by_authorizer else None)
        return error, None if context is None else given

    def key_of_request(headers: Mapping[str, Any]) -> str:
        authorized = _authorized_key.get()
        return str(key_of_headers(headers)) if authorized is None else authorized

    def event_with_key(api_id: str, *arguments: Any, **named: Any) -> dict[str, Any]:
        event: dict[str, Any] = build_event(api_id, *arguments, **named)
        headers = arguments[5]
        if key := gateway._resolve_api_key(key_of_request(headers)):
            event["requestContext"]["identity"] |= {"apiKey": key["value"], "apiKeyId": key["id"]}
        return event

    gateway._invoke_authorizer_lambda = invoke_authorizer
    gateway._authorize_request_v1 = authorize_request
    gateway._api_key_from_request = key_of_request
    gateway._build_lambda_event_v1 = event_with_key


def _with_key_in_context(result: Any) -> Any:
    """An authorizer's answer with its key among the values that ministack keeps and caches."""
    body = result.get("body") if isinstance(result, dict) else None
    answer = _parsed(body)
    if not isinstance(answer, dict) or not isinstance(answer.get(_KEY_OF_AUTHORIZER), str):
        return result
    context = {**(answer.get("context") or {}), _KEY_OF_AUTHORIZER: answer[_KEY_OF_AUTHORIZER]}
    return {**result, "body": {**answer, "context": context}}


def _parsed(body: Any) -> Any:
    if not isinstance(body, str | bytes):
        return body
    try:
        return json.loads(body)
    except ValueError:
        return None  # ministack says what is wrong with it


def keep_what_templates_say() -> None:
    """Two properties that ministack's CloudFormation drops: `ApiKeySourceType` and `ResponseTransferMode`."""
    handlers = importlib.import_module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
    rest_api, method = handlers["AWS::ApiGateway::RestApi"], handlers["AWS::ApiGateway::Method"]
    rest_api["create"] = _and_then(rest_api["create"], _keep_key_source)
    method["create"] = _and_then(method["create"], _keep_transfer_mode)
    method["update"] = _and_then(method["update"], _keep_transfer_mode)


def _and_then(handler: Callable[..., Any], keep: Callable[[str, Mapping[str, Any]], None]) -> Any:
    """`handler`, whose last mapping argument is the resource's new properties, and then `keep`."""

    @functools.wraps(handler)
    def handle(*arguments: Any, **named: Any) -> Any:
        identity = handler(*arguments, **named)
        properties = [argument for argument in arguments if isinstance(argument, Mapping)][-1]
        keep(identity[0], properties)
        return identity

    return handle


def _keep_key_source(api_id: str, properties: Mapping[str, Any]) -> None:
    if source := properties.get("ApiKeySourceType"):
        _gateway()._update_rest_api(api_id, {"patchOperations": [_replaced("apiKeySource", source)]})


def _keep_transfer_mode(_id: str, properties: Mapping[str, Any]) -> None:
    if mode := (properties.get("Integration") or {}).get("ResponseTransferMode"):
        _gateway()._update_integration(
            properties["RestApiId"],
            properties["ResourceId"],
            properties["HttpMethod"],
            {"patchOperations": [_replaced("responseTransferMode", mode)]},
        )


def _replaced(name: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": f"/{name}", "value": value}


def stream_through(adapter: WebAdapter) -> None:
    """Answer integrations whose transfer mode is STREAM by `adapter`."""
    gateway = _gateway()
    buffered = gateway._invoke_lambda_proxy_v1

    async def invoke(
        integration: Mapping[str, Any],
        api_id: str,
        stage_name: str,
        stage: Mapping[str, Any],
        resource: Mapping[str, Any],
        path: str,
        method: str,
        headers: Mapping[str, Any],
        body: bytes,
        query: Mapping[str, list[str]] | None,
        path_parameters: Mapping[str, str] | None,
        **named: Any,
    ) -> Any:
        request = (api_id, stage_name, stage, resource, path, method, headers, body, query, path_parameters)
        if integration.get("responseTransferMode") != "STREAM":
            return await buffered(integration, *request, **named)
        reference = str(integration.get("uri", "")).removesuffix(STREAMING_SUFFIX)
        function = deployed_function(gateway._extract_lambda_ref_from_integration_uri(reference), named)
        if function is None or not function.is_web_server:
            logger.warning("a STREAM integration names no function of the Lambda Web Adapter: %s", reference)
            return gateway._gw_error("API_CONFIGURATION_ERROR", "Internal server error")
        event = gateway._build_lambda_event_v1(
            *request,
            binary_media_types=named.get("binary_media_types"),
            authorizer_context=named.get("authorizer_context"),
            caller_identity=named.get("caller_identity"),
        )
        call = ProxyCall(
            method=method,
            path=path,
            query=query or {},
            headers={name: _single(value) for name, value in headers.items()},
            body=body,
            context=event["requestContext"],
            timeout_s=int(integration.get("timeoutInMillis", 29_000)) / 1000,
        )
        response = await _answered(gateway, adapter.answer(function, call, caller.get() or _stays))
        if isinstance(response, tuple):  # a gateway response has an id already
            response[1]["x-amzn-requestid"] = event["requestContext"]["requestId"]
        return response

    gateway._invoke_lambda_proxy_v1 = invoke


async def _answered(gateway: Any, answering: Any) -> Any:
    """A response as ministack takes it, or API Gateway's own where the function gives none."""
    try:
        answer: StreamedAnswer = await answering
    except TimeoutError:
        return gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
    except (ProgramFailed, httpx.HTTPError) as error:
        logger.error("%s", str(error) or type(error).__name__)
        return gateway._gw_error("DEFAULT_5XX", "Internal server error")
    except ForbiddenPathError:
        return 403, {"Content-Type": "text/plain"}, b"Forbidden"
    except CallerLeftError:
        return 499, {}, b""  # nobody reads it
    streaming = importlib.import_module("ministack.core.responses").StreamingResponse
    return answer.status, answer.headers, streaming(answer.run)


def _single(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(value)


async def _stays() -> dict[str, Any]:
    """The channel of a caller who cannot be seen to leave."""
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}


def _gateway() -> Any:
    return importlib.import_module("ministack.services.apigateway_v1")
