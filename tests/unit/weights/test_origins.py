"""Who is the Hub, and who only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.weights.errors import HubUnavailable
from lambdas.weights.origins import Origin, redirected

HUB = Origin.of("https://huggingface.co")
PAGE = "https://huggingface.co/acme/model/resolve/main/config.json"


@pytest.mark.parametrize(
    "location",
    [
        "/api/resolve-cache/x",
        "https://huggingface.co:443/x",
        "https://HUGGINGFACE.co/x",
        "//huggingface.co/x",
    ],
)
def test_the_hub_is_the_hub_however_it_is_written(location: str) -> None:
    assert Origin.of(redirected(PAGE, location, HUB, "x")) == HUB


@pytest.mark.parametrize(
    "location",
    [
        "https://cdn-lfs.huggingface.co/x",
        "https://huggingface.co.evil.example/x",
        "https://huggingface.co:8443/x",
        "//evil.example/huggingface.co",
        "https://evil.example#huggingface.co",
        "https://evil.example?https://huggingface.co/",
    ],
)
def test_nobody_else_is(location: str) -> None:
    assert Origin.of(redirected(PAGE, location, HUB, "x")) != HUB


@pytest.mark.parametrize(
    "location",
    [
        "http://huggingface.co/x",
        "http://cdn.example/x",
        "ftp://cdn.example/x",
        "file:///etc/passwd",
        "https://huggingface.co@evil.example/x",
        "https://user:word@huggingface.co/x",  # pragma: allowlist secret
        "https://[::1/x",
    ],
)
def test_where_the_token_or_the_bytes_would_be_at_risk_nothing_is_followed(location: str) -> None:
    with pytest.raises(HubUnavailable) as error:
        redirected(PAGE, location, HUB, "config.json")
    assert "word" not in str(error.value)


def test_a_hub_without_tls_on_this_machine_may_stay_without() -> None:
    local = Origin.of("http://127.0.0.1:4566")

    assert redirected("http://127.0.0.1:4566/a", "http://127.0.0.1:4567/b", local, "x").endswith("/b")


@given(st.text(max_size=60))
def test_whatever_a_location_says_it_is_an_address_or_refused(location: str) -> None:
    try:
        following = redirected(PAGE, location, HUB, "x")
    except HubUnavailable:
        return
    assert Origin.of(following).scheme == "https"
