"""Gated models, tokens, and a Hub that does not answer: what is known is written, what is missing is said."""

from __future__ import annotations

import pytest
from huggingface_hub import constants

from endpoints.local.hub import HubFault
from endpoints.locks import lock_path, read_lock, reading
from tests.support.hub import RunningHub
from tests.unit.commands.conftest import Adept
from tests.unit.commands.lock.conftest import (
    LLAMA,
    MEMBER,
    MISTRAL,
    recorded,
)

pytestmark = pytest.mark.usefixtures("hub")


def test_a_gated_model_is_recorded_and_whoever_has_no_access_is_told_what_to_click(
    hub: RunningHub, adept: Adept
) -> None:
    done = adept("lock", "--env", "staging")

    said = " ".join(done.stderr.split())
    assert done.exit_code == 0
    assert LLAMA in recorded(read_lock("staging"))
    assert f'Open {hub.url}/{LLAMA}, click "Agree and access repository"' in said


def test_who_has_access_is_told_nothing_and_the_token_goes_to_the_hub_alone(
    hub: RunningHub, adept: Adept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", MEMBER)

    done = adept("lock", "--env", "staging")

    assert "Agree and access" not in done.stderr
    assert all(one.headers.get("authorization") == f"Bearer {MEMBER}" for one in hub.requests())
    assert MEMBER not in done.stdout + done.stderr
    assert not any(MEMBER in path.read_text() for path in reading.LOCKS_FOLDER.iterdir())


def test_a_model_that_the_hub_does_not_even_list_fails_and_the_others_are_recorded(
    hub: RunningHub, adept: Adept
) -> None:
    hub.fail(HubFault(path=f"/api/models/{LLAMA}/revision/*", status=403, code="GatedRepo", times=None))

    done = adept("lock", "--env", "staging")

    assert done.exit_code == 1
    assert f"{LLAMA} is gated, and the Hub does not let you in (HTTP 403)" in done.stderr
    assert f'Open {hub.url}/{LLAMA}, click "Agree and access repository"' in done.stderr
    assert "Traceback" not in done.stderr
    assert len(recorded(read_lock("staging"))) == 5


def test_a_token_that_the_hub_does_not_know_is_said_so(adept: Adept, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = "hf_" + "unknown".ljust(34, "x")
    monkeypatch.setenv("HF_TOKEN", unknown)

    done = adept("lock", "--env", "staging", "--model", MISTRAL)

    assert done.exit_code == 1
    assert "the Hub refuses your token" in done.stderr
    assert "hf auth login" in done.stderr
    assert unknown not in done.stderr


def test_the_lock_is_written_with_what_is_known_and_what_is_missing_is_said(
    adept: Adept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    lock_path("staging").unlink()

    done = adept("lock", "--env", "staging")

    assert done.exit_code == 0
    assert read_lock("staging").by_place.keys() == read_lock("production").by_place.keys()
    assert "The Hub does not answer (http://127.0.0.1:9: ConnectError)" in done.stderr
    assert "The files of 6 snapshots are not recorded yet" in done.stderr
    assert done.stderr.count("asking the Hub") == 1


def test_files_that_were_recorded_stay_when_the_hub_is_away(hub: RunningHub, adept: Adept) -> None:
    adept("lock", "--env", "staging")
    before = lock_path("staging").read_bytes()
    hub.fail(HubFault(status=503, times=None))

    done = adept("lock", "--env", "staging")

    assert done.exit_code == 0
    assert "HTTP 503" in done.stderr
    assert lock_path("staging").read_bytes() == before


def test_a_hub_that_asks_to_wait_is_quoted(hub: RunningHub, adept: Adept) -> None:
    hub.fail(HubFault(status=429, retry_after_s=120, times=None))

    done = adept("lock", "--env", "staging")

    assert "HTTP 429; it asks to wait 120 s" in " ".join(done.stderr.split())


def test_for_programs_it_lists_what_is_not_recorded(adept: Adept) -> None:
    (document,) = adept("lock", "--env", "sandbox", "--offline", "--json").document

    assert document["environment"] == "sandbox"
    assert document["changes"] == []
    assert len(document["unrecorded"]) == 2
    assert document["notes"] == ["The Hub was not asked (--offline)."]
