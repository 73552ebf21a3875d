"""Every way in which the Hub can fail: told apart, tried again or reported, and the token goes to nobody else."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import pytest

from endpoints.local.hub import HubFault, HubRepository, Origin
from tests.contracts.weights.conftest import GATED, TOKEN, published
from tests.contracts.weights.world import World, files_of

LARGE = "model-00001-of-00003.safetensors"
RESOLVE = "/*/resolve/*"


@pytest.fixture(scope="module")
def granted(deployed: World) -> World:
    """A stager with the token of an account that may read the gated repository."""
    return deployed.with_token(TOKEN)


# Reported


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (
            HubFault(path="/api/*", status=401, message="Invalid credentials in Authorization header"),
            "HubNotFound",  # to whoever shows no token the Hub says 401 about what it does not have
            "a private one needs a token",
        ),
        (HubFault(path=RESOLVE, status=403, message="no permission"), "HubAccessDenied", "no permission"),
        (HubFault(path="/api/*", status=404, code="RevisionNotFound"), "HubNotFound", "has no commit"),
        (HubFault(path=RESOLVE, status=404, code="EntryNotFound"), "HubNotFound", "is not on the Hub"),
        (HubFault(path=RESOLVE, headers={"X-Linked-Etag": '"0"'}, times=None), "HubFileChanged", "has ETag"),
        (
            HubFault(path=RESOLVE, headers={"X-Repo-Commit": "0" * 40}, times=None),
            "HubFileChanged",
            "from commit",
        ),
    ],
)
def test_what_only_a_person_can_mend_is_reported_at_once(
    world: World, repository: HubRepository, fault: HubFault, error: str, said: str
) -> None:
    world.hub.fail(HubFault(**{**fault.__dict__, "times": None}))

    ended = world.stage(repository)

    assert (ended.status, ended.error) == ("FAILED", error)
    assert said in str(ended.cause)
    assert world.manifest(repository) is None


def test_a_gated_model_without_a_token_names_the_page_and_the_command(world: World, folder: Path) -> None:
    repository = published(world, folder, gated="manual")

    ended = world.stage(repository)

    assert ended.error == "HubAccessDenied"
    assert "accept the licence there" in str(ended.cause)
    assert "adept token set --env test" in str(ended.cause)
    (left,) = world.leftovers(repository)
    attempt = f"attempts/{repository.repo_id.replace('/', '-')}-1"
    assert left.endswith(f"{repository.commit('main')}/{attempt}/failures/HubAccessDenied.json")


@pytest.mark.usefixtures("world")
def test_a_gated_model_that_the_tokens_owner_may_not_read_names_the_page(
    granted: World, folder: Path
) -> None:
    repository = published(granted, folder, gated="manual")

    ended = granted.stage(repository)

    assert ended.error == "HubAccessDenied"
    page = f"{granted.hub.url}/{repository.repo_id}"
    assert f"open {page} and accept the licence there as the owner of the token" in str(ended.cause)
    assert TOKEN not in str(ended.cause)


def test_a_revoked_token_is_told_and_its_successor_is_used_at_once(
    world: World, repository: HubRepository
) -> None:
    revoked = world.with_token("hf_" + "revoked".ljust(34, "x"))
    ended = revoked.stage(repository)
    assert ended.error == "HubTokenRefused"
    assert "adept token set" in str(ended.cause)

    revoked.store_token(TOKEN)
    assert revoked.stage(repository, attempt=2).status == "SUCCEEDED"


# Tried again


@pytest.mark.parametrize(
    "fault",
    [
        HubFault(path="/api/*", status=503),
        HubFault(path=RESOLVE, status=500, skip=2),
        HubFault(origin=Origin.CDN, status=403),  # an address that has expired
        HubFault(path=LARGE, truncate_at=100),
        HubFault(path="/api/*", status=429, retry_after_s=1),
        HubFault(origin=Origin.CDN, path=LARGE, headers={"Content-Range": "bytes 0-1/2"}),
    ],
    ids=["503", "500", "cdn 403", "truncated", "429", "another range"],
)
def test_what_passes_is_tried_again(world: World, repository: HubRepository, fault: HubFault) -> None:
    world.hub.fail(fault)

    assert world.stage(repository).status == "SUCCEEDED"
    assert world.snapshot(repository) == files_of(repository)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (HubFault(path="/api/*", status=503), "HubUnavailable", "answered 503"),
        (HubFault(path="/api/*", status=429, retry_after_s=600), "HubRateLimited", "for 600 s"),
        (HubFault(path=RESOLVE, origin=Origin.HUB, status=502), "HubUnavailable", "answered 502"),
        (
            HubFault(path="/api/*", status=302, headers={"Location": "/api/again"}, times=None),
            "HubUnavailable",
            "redirects more than 5 times",
        ),
        (
            HubFault(path="/api/*", status=302, headers={"Location": "file:///etc/passwd"}),
            "HubUnavailable",
            "no address",
        ),
    ],
    ids=["503", "429", "502", "endless", "elsewhere"],
)
def test_a_function_fails_with_the_name_that_the_machine_goes_by(
    world: World, repository: HubRepository, fault: HubFault, error: str, said: str
) -> None:
    world.hub.fail(fault)

    failure = world.failure_of({"step": "plan", "attempt": "any-1", "request": world.request(repository)})

    assert failure["errorType"] == error
    assert said in failure["errorMessage"]


# Caught


@pytest.mark.parametrize("name", [LARGE, "model-00003-of-00003.safetensors", "config.json"])
def test_a_flipped_bit_is_caught_and_nothing_becomes_usable(
    world: World, repository: HubRepository, name: str
) -> None:
    world.hub.fail(HubFault(path=f"*{name}", flip_at=3, times=None))

    ended = world.stage(repository)

    assert (ended.status, ended.error) == ("FAILED", "DigestMismatch")
    assert name in str(ended.cause)
    assert world.manifest(repository) is None
    assert name not in world.snapshot(repository)
    # And the next attempt proves whatever it goes on from
    world.hub.fail()
    assert world.stage(repository, attempt=2).status == "SUCCEEDED"
    assert world.snapshot(repository) == files_of(repository)
    assert world.leftovers(repository) == []


# The token


@pytest.mark.usefixtures("world")
def test_the_token_goes_to_the_hub_and_to_nobody_else(granted: World, folder: Path) -> None:
    repository = published(granted, folder, repo_id=GATED, gated="manual")

    assert granted.stage(repository).status == "SUCCEEDED"

    to_hub, to_cdn = granted.hub.requests(Origin.HUB), granted.hub.requests(Origin.CDN)
    assert {request.headers.get("authorization") for request in to_hub} == {f"Bearer {TOKEN}"}
    assert len(to_cdn) >= 4
    assert not [request for request in to_cdn if "authorization" in request.headers]
    assert not [request for request in (*to_hub, *to_cdn) if TOKEN in request.path + request.query]


def test_without_a_token_nobody_is_shown_one(world: World, repository: HubRepository) -> None:
    world.stage(repository)

    assert world.hub.requests()
    assert not [request for request in world.hub.requests() if "authorization" in request.headers]


@pytest.mark.usefixtures("world")
def test_no_log_and_no_state_holds_the_token_or_a_signed_address(granted: World, folder: Path) -> None:
    refused = granted.stage(published(granted, folder, gated="manual"))
    granted.hub.fail(HubFault(origin=Origin.CDN, status=403))
    staged = granted.stage(published(granted, folder))

    signatures = {
        value[0]
        for request in granted.hub.requests(Origin.CDN)
        for name, value in parse_qs(request.query).items()
        if "sign" in name.lower()
    }
    states = granted.client("stepfunctions")
    histories = [
        str(states.get_execution_history(executionArn=ended.arn, maxResults=1000)["events"])
        for ended in (refused, staged)
    ]
    logged = granted.logs()
    assert len(signatures) > 1
    assert '"event": "copy"' in logged
    for text in (logged, *histories, str(granted.objects("_staging/"))):
        assert not [secret for secret in (TOKEN, *signatures) if secret in text]
