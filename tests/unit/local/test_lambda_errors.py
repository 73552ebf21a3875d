"""A failed function is called after what it raised, as on AWS; ministack keeps only the traceback."""

from __future__ import annotations

import traceback

import pytest

from endpoints.local.ministack_private import raised_class


class HubAccessDenied(Exception):
    """As a function's own error is."""


@pytest.mark.parametrize(
    "message", ["", "accept the licence", "two:\n  lines", "ends with a line\n", "a: b: c"]
)
def test_the_class_is_read_from_the_traceback(message: str) -> None:
    try:
        raise HubAccessDenied(message)
    except HubAccessDenied:
        logged = f'{{"level": "ERROR"}}\n{traceback.format_exc()}'

    assert raised_class(logged, message) == "HubAccessDenied"


def test_of_chained_errors_the_last_one_is_the_functions() -> None:
    try:
        try:
            raise ValueError("inner")
        except ValueError as error:
            raise HubAccessDenied("outer") from error
    except HubAccessDenied:
        logged = traceback.format_exc()

    assert raised_class(logged, "outer") == "HubAccessDenied"


@pytest.mark.parametrize("logged", ["", "Task timed out after 3.00 seconds", "Worker process died"])
def test_what_is_no_traceback_has_no_class(logged: str) -> None:
    assert raised_class(logged, logged) is None
