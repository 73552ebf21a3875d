"""Each test of connections runs on both event loops that the router runs on."""

from __future__ import annotations

import pytest

from tests.unit.router.http.wire import LOOPS


@pytest.fixture(params=sorted(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
