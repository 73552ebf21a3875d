"""JSON 1.1 and REST-JSON bodies to botocore's Python shapes and back."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape

from endpoints.local.protocol.errors import ServiceError

JSON_1_1 = "application/x-amz-json-1.1"


def decode_body(body: bytes, shape: Shape | None) -> dict[str, Any]:
    """The parameters in a request body; a body that is no JSON object is a SerializationException."""
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise ServiceError("SerializationException", f"The request body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ServiceError("SerializationException", "The request body must be a JSON object.")
    return cast(dict[str, Any], decode(document, shape)) if shape else document


def decode(value: Any, shape: Shape) -> Any:
    """A JSON value as botocore's Python value. What does not fit the shape stays as it is, for the validator."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = shape.members
        known = {k: decode(v, members[k]) if k in members else v for k, v in value.items()}
        return {name: item for name, item in known.items() if item is not None}  # null means absent
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [decode(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: decode(item, shape.value) for key, item in value.items()}
    return _decode_scalar(value, shape)


def _decode_scalar(value: Any, shape: Shape) -> Any:
    if shape.type_name == "timestamp" and isinstance(value, int | float) and not isinstance(value, bool):
        return _decode_seconds(value)
    if shape.type_name == "blob" and isinstance(value, str):
        return _decode_base64(value)
    return value


def _decode_seconds(value: float) -> datetime:
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise ServiceError("SerializationException", f"A timestamp is out of range: {value}") from error


def _decode_base64(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ServiceError("SerializationException", f"A blob is not base64: {error}") from error


def encode(value: Any, shape: Shape) -> Any:
    """botocore's Python value as JSON. A member that the shape does not have is a bug here, so it raises KeyError."""
    if isinstance(shape, StructureShape):
        return {name: encode(item, shape.members[name]) for name, item in value.items() if item is not None}
    if isinstance(shape, ListShape):
        return [encode(item, shape.member) for item in value]
    if isinstance(shape, MapShape):
        return {key: encode(item, shape.value) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value


def error_body(error: ServiceError) -> dict[str, Any]:
    """`__type` is what JSON 1.1 clients read; `Message` and the other members are the error shape's."""
    return {"__type": error.code, "message": error.message, "Message": error.message, **error.members}
