"""What API Gateway checks before a Lambda is paid for. The router checks it again, with the same status, and more.

No bounds: how much is taken is a use case's own limit, which the router knows. A contract test holds the two together.
"""

from __future__ import annotations

from aws_cdk.aws_apigateway import JsonSchema, JsonSchemaType, JsonSchemaVersion


def _schema(**properties: JsonSchema) -> JsonSchema:
    return JsonSchema(
        schema=JsonSchemaVersion.DRAFT4,
        type=JsonSchemaType.OBJECT,
        required=list(properties),
        properties=properties,
    )


_TEXT = JsonSchema(type=JsonSchemaType.STRING, min_length=1)

CHAT_SCHEMA = _schema(
    model=_TEXT,
    messages=JsonSchema(type=JsonSchemaType.ARRAY, min_items=1, items=JsonSchema(type=JsonSchemaType.OBJECT)),
)

INVOKE_SCHEMA = _schema(inputs=_TEXT)

COMPLETION_SCHEMA = _schema(
    model=_TEXT,
    prompt=JsonSchema(any_of=[_TEXT, JsonSchema(type=JsonSchemaType.ARRAY, min_items=1)]),
)
