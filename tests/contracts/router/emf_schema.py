"""The embedded metric format's JSON schema, and what the specification demands beyond it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema
from botocore.session import Session

_TEXT = {"type": "string", "pattern": "^(.*)$", "minLength": 1}
# The specification's own ("You can use the following schema"), without its titles, ids and examples.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "properties": {
                            "Namespace": {**_TEXT, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "minItems": 0,
                                    "maxItems": 30,
                                    "items": {**_TEXT, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "properties": {
                                        "Name": {**_TEXT, "maxLength": 1024},
                                        "Unit": {**_TEXT, "maxLength": 128},
                                        "StorageResolution": {"type": "integer"},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
_MAX_LINE_BYTES = 256 * 1024
_MAX_METRICS, _MAX_DIMENSION_CHARS, _MAX_NAME_CHARS = 100, 1024, 255


class Point(NamedTuple):
    """One value as CloudWatch takes it out of a line."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    unit: str
    value: float


def points_of(line: str) -> set[Point]:
    """What CloudWatch Logs makes of a line: nothing of one without metrics. Fails where a line is not as specified."""
    document = json.loads(line)
    assert len(line.encode()) <= _MAX_LINE_BYTES
    if "_aws" not in document:
        return set()
    jsonschema.validate(document, SCHEMA)
    assert set(document["_aws"]) == {"Timestamp", "CloudWatchMetrics"}
    return set(_points(document))


def _points(document: dict[str, Any]) -> Iterator[Point]:
    for directive in document["_aws"]["CloudWatchMetrics"]:
        assert 1 <= len(directive["Metrics"]) <= _MAX_METRICS
        for metric in directive["Metrics"]:
            value = document[metric["Name"]]  # a reference: a member of the root with just this name
            assert isinstance(value, int | float)
            assert not isinstance(value, bool)
            assert len(metric["Name"]) <= _MAX_NAME_CHARS
            assert metric["Name"].isascii()
            assert metric["Unit"] in _units()
            for dimensions in directive["Dimensions"]:
                of = frozenset((name, document[name]) for name in dimensions)
                assert all(isinstance(told, str) and 1 <= len(told) <= _MAX_DIMENSION_CHARS for _, told in of)
                yield Point(directive["Namespace"], metric["Name"], of, metric["Unit"], value)


def _units() -> set[str]:
    model = Session().get_service_model("cloudwatch")
    return set(model.shape_for("StandardUnit").enum)  # type: ignore[attr-defined]  # of a StringShape
