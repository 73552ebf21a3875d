"""What API Gateway checks before a Lambda is paid for. The router checks everything else."""

from __future__ import annotations

from aws_cdk.aws_apigateway import JsonSchema, JsonSchemaType, JsonSchemaVersion

_MAX_MESSAGES = 1000  # a bound for the gateway; each use case's own limit is lower and the router's to check


def _schema(**properties: JsonSchema) -> JsonSchema:
    return JsonSchema(
        schema=JsonSchemaVersion.DRAFT4,
        type=JsonSchemaType.OBJECT,
        required=list(properties),
        properties=properties,
    )


CHAT_SCHEMA = _schema(
    model=JsonSchema(type=JsonSchemaType.STRING, min_length=1, max_length=256),
    messages=JsonSchema(
        type=JsonSchemaType.ARRAY,
        min_items=1,
        max_items=_MAX_MESSAGES,
        items=JsonSchema(type=JsonSchemaType.OBJECT),
    ),
)

INVOKE_SCHEMA = _schema(inputs=JsonSchema(type=JsonSchemaType.STRING, min_length=1))

COMPLETION_SCHEMA = _schema(
    model=JsonSchema(type=JsonSchemaType.STRING, min_length=1, max_length=256),
    prompt=JsonSchema(
        any_of=[
            JsonSchema(type=JsonSchemaType.STRING, min_length=1),
            JsonSchema(type=JsonSchemaType.ARRAY, min_items=1, max_items=_MAX_MESSAGES),
        ]
    ),
)
