"""`adept dashboard`: a link for people, a browser only on request."""

from __future__ import annotations

import webbrowser

import pytest
from typer.testing import CliRunner

from endpoints.commands.every_command import app

LINK = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/adept-staging"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser was asked to open; it refuses everything."""
    links: list[str] = []

    def refuse(link: str) -> bool:
        links.append(link)
        return False

    monkeypatch.setattr(webbrowser, "open", refuse)
    return links


def test_the_link_is_all_that_standard_output_holds(opened: list[str]) -> None:
    result = CliRunner().invoke(app, ["dashboard", "--env", "staging"])

    assert (result.exit_code, result.stdout) == (0, f"{LINK}\n")
    assert opened == []


def test_without_a_browser_the_link_is_still_printed(opened: list[str]) -> None:
    result = CliRunner().invoke(app, ["dashboard", "--env", "staging", "--open-url"])

    assert (result.exit_code, result.stdout) == (0, f"{LINK}\n")
    assert opened == [LINK]
    assert "open the link yourself" in result.stderr
