"""`adept token`: what is stored, what the Hub says of it, and that nothing ever shows it."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import termios
from dataclasses import replace

import pytest
from huggingface_hub import constants

from endpoints.catalogue import load_catalogue
from endpoints.commands import token
from endpoints.commands.environment_weights import weights_of
from endpoints.local.hub import HubFault
from lambdas.weights.token_source import TokenSource
from tests.contracts.weights_commands.conftest import (
    ADA,
    CLOSED,
    EVE,
    GATED,
    GRACE,
    NARROW,
    TOKENS,
    UNKNOWN,
    Adept,
    Deployed,
    locked,
)
from tests.support.commands import Ended
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def _two_gated_models(deployed: Deployed) -> None:
    deployed.lock(
        locked(CLOSED, "b" * 40, gated=True),
        locked(GATED, "a" * 40, gated=True),
        locked("acme/open", "c" * 40),
    )


def _shows_no_token(done: Ended) -> None:
    assert not [token for token in TOKENS if token in done.stdout + done.stderr]
    assert "Traceback" not in done.stderr


class TestSet:
    def test_what_standard_input_holds_is_stored_after_the_hub_said_whose_it_is(
        self, adept: Adept, deployed: Deployed
    ) -> None:
        done = adept("token", "set", "--env", "staging", stdin=f"{ADA}\n")

        assert done.exit_code == 0
        assert "a read token of ada" in done.printed
        assert deployed.tokens() == {"AWSCURRENT": ADA, "AWSPREVIOUS": None}
        _shows_no_token(done)

    def test_a_token_that_the_hub_refuses_is_not_stored(self, adept: Adept, deployed: Deployed) -> None:
        done = adept("token", "set", "--env", "staging", stdin=UNKNOWN)

        assert done.exit_code == 1
        assert "refuses the token (HTTP 401)" in done.printed
        assert "/settings/tokens" in done.printed
        assert deployed.tokens()["AWSCURRENT"] is None
        _shows_no_token(done)

    def test_without_a_check_nobody_is_asked(self, adept: Adept, deployed: Deployed) -> None:
        done = adept("token", "set", "--env", "staging", "--no-check", stdin=UNKNOWN)

        assert done.exit_code == 0
        assert deployed.tokens()["AWSCURRENT"] == UNKNOWN
        assert deployed.world.hub.requests() == []
        _shows_no_token(done)

    @pytest.mark.parametrize(
        "text",
        ["", "\n", f"{ADA} {ADA}", f" {ADA}", f"{ADA}\nmore", f"token: {ADA}"],
        ids=["nothing", "an empty line", "twice", "a blank before it", "more lines", "words before it"],
    )
    def test_what_cannot_be_a_token_is_refused_without_repeating_it(
        self, adept: Adept, deployed: Deployed, text: str
    ) -> None:
        done = adept("token", "set", "--env", "staging", stdin=text)

        assert done.exit_code == 1
        assert "this is no Hugging Face token" in done.printed
        assert deployed.tokens()["AWSCURRENT"] is None
        _shows_no_token(done)

    @pytest.mark.parametrize("command", ["set", "rotate", "remove"])
    def test_a_token_is_never_an_argument_and_one_that_is_given_so_is_not_repeated(
        self, adept: Adept, deployed: Deployed, command: str
    ) -> None:
        done = adept("token", command, ADA, "--env", "staging", stdin="")

        assert done.exit_code == 2
        assert "a token is never an argument" in done.printed
        _shows_no_token(done)
        assert deployed.tokens()["AWSCURRENT"] is None

    def test_a_narrow_token_is_stored_and_called_narrow(self, adept: Adept) -> None:
        done = adept("token", "set", "--env", "staging", stdin=NARROW)

        assert done.exit_code == 0
        assert "fine-grained and reads no gated repository" in done.printed

    def test_the_same_token_makes_no_new_version(self, adept: Adept, deployed: Deployed) -> None:
        adept("token", "set", "--env", "staging", stdin=ADA)
        done = adept("token", "set", "--env", "staging", stdin=ADA)

        assert "stored for staging already" in done.printed
        assert deployed.tokens() == {"AWSCURRENT": ADA, "AWSPREVIOUS": None}

    def test_at_a_terminal_it_is_typed_unseen(self) -> None:
        asks = "_asked_for('http://hub', knows_tokens=True)"
        program = f"from endpoints.commands.token import _asked_for; print(len({asks}))"
        terminal, its_end = pty.openpty()
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, start_new_session=True, stdin=its_end, stdout=its_end, stderr=its_end):
            # The prompt stands there a moment before the terminal stops to echo.
            eventually(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO, what="a hidden prompt")
            os.write(terminal, f"{ADA}\n".encode())
        shown = os.read(terminal, 4096)
        os.close(terminal)
        os.close(its_end)

        assert b"Token (made at http://hub/settings/tokens)" in shown
        assert str(len(ADA)).encode() in shown
        assert ADA.encode() not in shown


class TestWhereTheHubKnowsNoTokens:
    """The local Hub has no page where tokens are made or revoked, and refuses every one."""

    @pytest.fixture(autouse=True)
    def _local(self, monkeypatch: pytest.MonkeyPatch) -> None:
        local = load_catalogue().environment("local")
        monkeypatch.setattr(token, "weights_of", lambda _: replace(weights_of("staging"), environment=local))

    @pytest.mark.parametrize("command", ["set", "rotate"])
    def test_none_is_asked_for(self, adept: Adept, deployed: Deployed, command: str) -> None:
        done = adept("token", command, "--env", "local", stdin=ADA)

        assert done.exit_code == 1
        assert "the Hub of local gates nothing and knows no tokens" in done.printed
        assert "/settings/tokens" not in done.printed
        assert deployed.tokens()["AWSCURRENT"] is None
        _shows_no_token(done)

    def test_one_that_is_stored_all_the_same_is_to_be_taken_out_again(
        self, adept: Adept, deployed: Deployed
    ) -> None:
        deployed.lock(locked("acme/open", "c" * 40))
        stored = adept("token", "set", "--env", "local", "--no-check", stdin=UNKNOWN)
        checked = adept("token", "check", "--env", "local")
        removed = adept("token", "remove", "--env", "local", "--yes")

        assert (stored.exit_code, checked.exit_code, removed.exit_code) == (0, 1, 0)
        for told in (stored, checked):
            assert "adept token remove --env local" in told.printed
        for told in (stored, checked, removed):
            assert "/settings/tokens" not in told.printed
        assert deployed.tokens()["AWSCURRENT"] == " "

    def test_another_hub_in_its_place_may_know_some(
        self, adept: Adept, deployed: Deployed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ADEPT_LOCAL_HUB", deployed.world.hub.url)
        done = adept("token", "set", "--env", "local", stdin=ADA)

        assert done.exit_code == 0, done.printed
        assert deployed.tokens()["AWSCURRENT"] == ADA


class TestOffline:
    @pytest.mark.parametrize("command", ["set", "check", "rotate"])
    def test_a_shell_that_forbids_the_network_is_told_which_variable_to_leave_out(
        self, adept: Adept, deployed: Deployed, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        deployed.store_token(ADA)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # the client reads the variable once
        done = adept("token", command, "--env", "staging", stdin=GRACE)

        assert done.exit_code == 1
        assert "the Hub is not asked: HF_HUB_OFFLINE is set in this shell" in done.printed
        assert "env -u HF_HUB_OFFLINE adept" in done.printed
        assert deployed.tokens()["AWSCURRENT"] == ADA
        _shows_no_token(done)


class TestCheck:
    def test_all_granted(self, adept: Adept, deployed: Deployed) -> None:
        deployed.store_token(ADA)
        done = adept("token", "check", "--env", "staging")

        assert done.exit_code == 0
        assert "a read token of ada" in done.printed
        assert done.printed.count("granted") == 2
        assert "acme/open" not in done.printed
        _shows_no_token(done)

    def test_a_model_whose_terms_nobody_accepted_names_the_page_to_click(
        self, adept: Adept, deployed: Deployed
    ) -> None:
        deployed.store_token(EVE)
        done = adept("token", "check", "--env", "staging")

        assert done.exit_code == 1
        assert "the token's owner has no access to the model" in done.printed
        assert (
            f"{deployed.world.hub.url}/{CLOSED}, logged in as the token's owner, and click \"Agree"
            in done.printed
        )
        _shows_no_token(done)

    def test_a_narrow_token_is_called_narrow(self, adept: Adept, deployed: Deployed) -> None:
        deployed.store_token(NARROW)
        done = adept("token", "check", "--env", "staging")

        assert done.exit_code == 1
        assert "a fine-grained token of ada" in done.printed
        assert "reads no gated repository" in done.printed
        assert "may not read gated models" in done.printed
        _shows_no_token(done)

    def test_a_token_that_the_hub_does_not_know_is_bad_for_every_model(
        self, adept: Adept, deployed: Deployed
    ) -> None:
        deployed.store_token(UNKNOWN)
        done = adept("token", "check", "--env", "staging", "--json")

        assert done.exit_code == 1
        assert (done.document["ok"], done.document["stored"], done.document["token"]) == (False, True, None)
        assert "HTTP 401" in done.document["refused"]
        assert {model["access"] for model in done.document["models"]} == {"bad_token"}
        _shows_no_token(done)

    def test_without_a_token_it_says_how_to_store_one(self, adept: Adept) -> None:
        done = adept("token", "check", "--env", "staging")

        assert done.exit_code == 1
        assert "No token is stored for staging." in done.printed
        assert "adept token set --env staging" in done.printed

    def test_where_no_model_is_gated_no_token_is_needed(self, adept: Adept, deployed: Deployed) -> None:
        deployed.lock(locked("acme/open", "c" * 40))
        done = adept("token", "check", "--env", "staging")

        assert done.exit_code == 0
        assert "it needs no token" in done.printed

    def test_as_json(self, adept: Adept, deployed: Deployed) -> None:
        deployed.store_token(EVE)
        done = adept("token", "check", "--env", "staging", "--json")

        assert done.exit_code == 1
        assert done.document["token"]["name"] == "eve"
        assert {model["repository"]: model["access"] for model in done.document["models"]} == {
            GATED: "granted",
            CLOSED: "not_accepted",
        }
        _shows_no_token(done)


class TestRotate:
    def test_a_token_that_reads_as_much_replaces_the_old_one_which_is_kept(
        self, adept: Adept, deployed: Deployed
    ) -> None:
        deployed.store_token(EVE)
        done = adept("token", "rotate", "--env", "staging", stdin=GRACE)

        assert done.exit_code == 0
        assert deployed.tokens() == {"AWSCURRENT": GRACE, "AWSPREVIOUS": EVE}
        assert f"Revoke the old one on the Hub: {deployed.world.hub.url}/settings/tokens" in done.printed
        _shows_no_token(done)

    @pytest.mark.parametrize(
        ("new", "said"),
        [
            (EVE, f"reads less than the old one, which stays: {CLOSED}"),
            (NARROW, "reads less than the old one"),
            (UNKNOWN, "refuses the token"),
            (ADA, "stored already"),
            ("", "is empty"),
        ],
        ids=["one that reads less", "a narrow one", "an unknown one", "the same", "none"],
    )
    def test_any_other_is_refused_and_the_old_one_stays(
        self, adept: Adept, deployed: Deployed, new: str, said: str
    ) -> None:
        deployed.store_token(ADA)
        done = adept("token", "rotate", "--env", "staging", stdin=new)

        assert done.exit_code == 1
        assert said in done.printed
        assert deployed.tokens() == {"AWSCURRENT": ADA, "AWSPREVIOUS": None}
        _shows_no_token(done)

    def test_a_hub_in_trouble_leaves_the_old_one(self, adept: Adept, deployed: Deployed) -> None:
        deployed.store_token(ADA)
        deployed.world.hub.fail(HubFault(path="*resolve*", status=503, times=None))
        done = adept("token", "rotate", "--env", "staging", stdin=GRACE)

        assert done.exit_code == 1
        assert deployed.tokens()["AWSCURRENT"] == ADA
        _shows_no_token(done)

    def test_where_none_is_stored_there_is_nothing_to_replace(self, adept: Adept) -> None:
        done = adept("token", "rotate", "--env", "staging", stdin=ADA)

        assert done.exit_code == 1
        assert "adept token set --env staging" in done.printed


class Terminal(io.StringIO):
    """A standard input at which somebody sits."""

    def isatty(self) -> bool:
        return True


class TestRemove:
    def test_nobody_can_read_a_token_any_more_and_the_secret_stays(
        self, adept: Adept, deployed: Deployed
    ) -> None:
        deployed.store_token(EVE)
        deployed.store_token(ADA)
        done = adept("token", "remove", "--env", "staging", "--yes")

        assert done.exit_code == 0
        assert deployed.tokens() == {"AWSCURRENT": " ", "AWSPREVIOUS": None}
        versions = deployed.secrets.describe_secret(SecretId=deployed.secret)["VersionIdsToStages"]
        assert list(versions.values()) == [["AWSCURRENT"]]
        assert TokenSource(deployed.secrets, deployed.secret).token() is None
        assert f"revoke it on the Hub, too: {deployed.world.hub.url}/settings/tokens" in done.printed
        _shows_no_token(done)

        checked = adept("token", "check", "--env", "staging")
        assert "No token is stored for staging." in checked.printed
        assert adept("token", "set", "--env", "staging", stdin=GRACE).exit_code == 0
        assert deployed.tokens()["AWSCURRENT"] == GRACE

    @pytest.mark.parametrize("stored", [(), (ADA, " ")], ids=["never one", "taken out by hand"])
    def test_where_none_is_stored_none_is_left_behind(
        self, adept: Adept, deployed: Deployed, stored: tuple[str, ...]
    ) -> None:
        for value in stored:
            deployed.store_token(value)
        done = adept("token", "remove", "--env", "staging", "--yes")

        assert done.exit_code == 0
        assert "No token is stored for staging." in done.printed
        assert deployed.tokens() == {"AWSCURRENT": stored[-1] if stored else None, "AWSPREVIOUS": None}

    def test_nobody_is_taken_at_a_word_that_was_not_said(self, adept: Adept, deployed: Deployed) -> None:
        deployed.store_token(ADA)
        done = adept("token", "remove", "--env", "staging", stdin="y\n")

        assert done.exit_code == 1
        assert "adept token remove --env staging --yes" in done.printed
        assert deployed.tokens()["AWSCURRENT"] == ADA

    @pytest.mark.parametrize(("answer", "left"), [("n", ADA), ("y", " ")], ids=["no", "yes"])
    def test_at_a_terminal_it_asks(
        self,
        adept: Adept,
        deployed: Deployed,
        monkeypatch: pytest.MonkeyPatch,
        answer: str,
        left: str,
    ) -> None:
        deployed.store_token(ADA)
        monkeypatch.setattr(io, "StringIO", Terminal)
        done = adept("token", "remove", "--env", "staging", stdin=f"{answer}\n")

        assert "Remove the token of staging?" in done.printed
        assert deployed.tokens()["AWSCURRENT"] == left
        assert done.exit_code == (0 if answer == "y" else 1)
        _shows_no_token(done)


@pytest.mark.parametrize("command", [("set", "--no-check"), ("check",), ("rotate",), ("remove", "--yes")])
def test_a_secret_that_is_marked_for_deletion_can_be_taken_back(
    adept: Adept, deployed: Deployed, command: tuple[str, ...]
) -> None:
    deployed.store_token(ADA)
    deployed.secrets.delete_secret(SecretId=deployed.secret, RecoveryWindowInDays=7)
    done = adept("token", *command, "--env", "staging", stdin=GRACE)

    assert done.exit_code == 1
    assert f"aws secretsmanager restore-secret --secret-id {deployed.secret}" in done.printed
    _shows_no_token(done)
