"""Encodes `application/vnd.amazon.eventstream` messages; botocore only decodes them.

A message is: total length, headers length, CRC of those eight bytes, headers, payload, CRC of all before.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7  # the wire type of a header value that is a string
_FRAMING_BYTES = 16  # prelude with its CRC, and the message CRC


def payload_part(payload: bytes) -> bytes:
    """A `PayloadPart` event of InvokeEndpointWithResponseStream."""
    headers = {
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    return encode_message(headers, payload)


def exception(name: str, members: Mapping[str, str]) -> bytes:
    """An exception event, for example `ModelStreamError`."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return encode_message(headers, json.dumps(dict(members)).encode())


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with string headers."""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", _FRAMING_BYTES + len(head) + len(payload), len(head))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    return (
        struct.pack("!B", len(name_bytes))
        + name_bytes
        + struct.pack("!BH", _STRING, len(value_bytes))
        + value_bytes
    )
