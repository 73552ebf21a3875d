"""Every error of the Hub, with a message that a person can act on."""

from __future__ import annotations

import pytest

from lambdas.weights import errors
from lambdas.weights.errors import StagingError, without_secrets
from lambdas.weights.hub_answers import Asker, cdn_fault, check_facts, fault_of
from lambdas.weights.snapshot import FileFacts, Snapshot

SNAPSHOT = Snapshot.of("acme/model", "a" * 40)
LFS = FileFacts("model.safetensors", 7, sha256="d" * 64)
SMALL = FileFacts("config.json", 3, git_blob="b" * 40)


def _fault(status: int, *, has_token: bool = True, **headers: str) -> StagingError:
    asker = Asker(SNAPSHOT, "https://huggingface.co", "staging", has_token)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return fault_of(status, named, asker, "config.json of acme/model")


@pytest.mark.parametrize(
    ("status", "has_token", "headers", "error", "said"),
    [
        (
            401,
            True,
            {"x_error_message": "Invalid credentials in Authorization header"},
            errors.HubTokenRefused,
            "adept token set --env staging",
        ),
        (401, True, {}, errors.HubTokenRefused, "revoked or has expired"),
        (401, True, {}, errors.HubTokenRefused, "or none with `adept token remove --env staging`"),
        (401, False, {"x_error_code": "GatedRepo"}, errors.HubAccessDenied, "store that account's token"),
        (
            403,
            True,
            {"x_error_code": "GatedRepo"},
            errors.HubAccessDenied,
            "accept the licence there as the owner of the token",
        ),
        (403, True, {"x_error_message": "no permission"}, errors.HubAccessDenied, "no permission"),
        (451, True, {}, errors.HubAccessDenied, "status 451"),
        (
            404,
            True,
            {"x_error_message": "Access to this resource is disabled."},
            errors.HubAccessDenied,
            "disabled",
        ),
        (401, False, {"x_error_code": "RepoNotFound"}, errors.HubNotFound, "a private one needs a token"),
        (
            404,
            True,
            {"x_error_code": "RepoNotFound"},
            errors.HubNotFound,
            "no acme/model that this account can see",
        ),
        (404, True, {"x_error_code": "RevisionNotFound"}, errors.HubNotFound, "adept lock --env staging"),
        (404, True, {"x_error_code": "EntryNotFound"}, errors.HubNotFound, "config.json"),
        (416, True, {}, errors.HubFileChanged, "shorter"),
        (500, True, {}, errors.HubUnavailable, "500"),
        (503, True, {"x_error_message": "maintenance"}, errors.HubUnavailable, "maintenance"),
    ],
)
def test_an_answer_is_told_apart_and_says_what_to_do(
    status: int, has_token: bool, headers: dict[str, str], error: type[StagingError], said: str
) -> None:
    fault = _fault(status, has_token=has_token, **headers)

    assert type(fault) is error
    assert said in str(fault)


def test_a_gated_model_names_its_page() -> None:
    assert "open https://huggingface.co/acme/model and" in str(_fault(403, x_error_code="GatedRepo"))


def test_a_refused_address_of_the_cdn_is_worth_another_try() -> None:
    assert type(cdn_fault(403, "x")) is errors.HubUnavailable
    assert type(cdn_fault(416, "x")) is errors.HubTruncated


@pytest.mark.parametrize(
    ("file", "headers"),
    [
        (LFS, {"x-linked-etag": f'"{LFS.sha256}"', "etag": '"of the redirect"'}),
        (SMALL, {"etag": f'W/"{SMALL.git_blob}"'}),
    ],
)
def test_the_hubs_headers_of_the_recorded_file_are_accepted(file: FileFacts, headers: dict[str, str]) -> None:
    check_facts({"x-repo-commit": SNAPSHOT.revision, **headers}, file, SNAPSHOT)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"x-repo-commit": "f" * 40, "x-linked-etag": f'"{"d" * 64}"'}, "answers from commit"),
        ({"x-linked-etag": f'"{"d" * 64}"'}, r"commit '\(none\)'"),
        ({"x-repo-commit": "a" * 40, "x-linked-etag": f'"{"e" * 64}"'}, "has ETag"),
        ({"x-repo-commit": "a" * 40}, "has ETag ''"),
    ],
)
def test_another_commit_or_another_file_is_told(headers: dict[str, str], said: str) -> None:
    with pytest.raises(errors.HubFileChanged, match=said):
        check_facts(headers, LFS, SNAPSHOT)


def test_no_message_holds_a_token_or_a_signature() -> None:
    token = "hf_" + "x" * 34
    said = str(errors.HubUnavailable(f"https://cdn.example/a?X-Sig=abc&b=c broke for {token}"))

    assert said == "https://cdn.example/a broke for hf_***"
    assert without_secrets("nothing in it") == "nothing in it"


def test_every_error_is_final_or_tried_again() -> None:
    names = {kind.__name__ for kind in StagingError.__subclasses__() if kind.__module__ == errors.__name__}

    assert names - errors.FINAL == {"HubRateLimited", "HubUnavailable", "HubTruncated"}
    assert names > errors.FINAL
