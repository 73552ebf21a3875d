"""What the official client does not try: ranges, signed links, and faults in the bytes themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from endpoints.local.hub import HubFault, HubRepository, Origin
from tests.contracts.hub.conftest import CONTENT, OPEN, SHA
from tests.support.hub import RunningHub, running_hub

SHARD = "model-00001-of-00002.safetensors"
DATA = CONTENT[SHARD]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


def link(hub: RunningHub, client: httpx.Client, name: str = SHARD) -> str:
    """Where a large file's bytes are."""
    answer = client.head(f"{hub.url}/{OPEN}/resolve/{SHA}/{name}")
    assert answer.status_code == 302
    return str(answer.headers["location"])


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        (None, 200, 0, len(DATA) - 1),
        ("bytes=0-0", 206, 0, 0),
        ("bytes=100-299", 206, 100, 299),
        ("bytes=2999000-", 206, 2_999_000, len(DATA) - 1),
        ("bytes=-500", 206, len(DATA) - 500, len(DATA) - 1),
        ("bytes=2999990-9999999", 206, 2_999_990, len(DATA) - 1),
        (f"bytes=0-{len(DATA) - 1}", 206, 0, len(DATA) - 1),
        ("bytes=5-2", 200, 0, len(DATA) - 1),  # not a range: the whole file
        ("bytes=0-1,5-6", 200, 0, len(DATA) - 1),
    ],
)
def test_ranges_are_served(
    hub: RunningHub, client: httpx.Client, asked: str | None, status: int, first: int, last: int
) -> None:
    answer = client.get(link(hub, client), headers={"range": asked} if asked else {})
    assert (answer.status_code, answer.content) == (status, DATA[first : last + 1])
    expected = f"bytes {first}-{last}/{len(DATA)}" if status == 206 else None
    assert answer.headers.get("content-range") == expected


@pytest.mark.parametrize("asked", [f"bytes={len(DATA)}-", f"bytes={len(DATA)}-{len(DATA) + 5}", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(hub: RunningHub, client: httpx.Client, asked: str) -> None:
    answer = client.get(link(hub, client), headers={"range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(DATA)}")


def test_a_range_of_another_version_is_the_whole_file(hub: RunningHub, client: httpx.Client) -> None:
    headers = {"range": "bytes=0-9", "if-range": '"another"'}
    assert client.get(link(hub, client), headers=headers).content == DATA


def test_small_files_and_empty_ones_come_from_the_hub_itself(hub: RunningHub, client: httpx.Client) -> None:
    for name in ("config.json", "empty.txt", "nested/deep/notes.txt"):
        first = client.get(f"{hub.url}/{OPEN}/resolve/main/{name}")
        assert (first.status_code, first.headers["x-repo-commit"]) == (307, SHA)
        answer = client.get(hub.url + first.headers["location"])
        assert (answer.content, answer.headers["x-repo-commit"]) == (CONTENT[name], SHA)
        again = client.get(
            hub.url + first.headers["location"], headers={"if-none-match": answer.headers["etag"]}
        )
        assert again.status_code == 304


def test_a_link_opens_one_file_for_a_time(hub: RunningHub, client: httpx.Client) -> None:
    good = link(hub, client)
    parts = urlsplit(good)
    assert client.get(f"{hub.cdn_url}{parts.path}").status_code == 403
    assert client.get(good.replace("Signature=", "Signature=0")).status_code == 403
    other = urlsplit(link(hub, client, "model-00002-of-00002.safetensors")).path
    assert client.get(f"{hub.cdn_url}{other}?{parts.query}").status_code == 403


def test_a_link_expires(hub: RunningHub, client: httpx.Client) -> None:
    repository: HubRepository = hub.server.repositories[OPEN]
    with running_hub(repository, link_lifetime_s=-1) as short:
        assert client.get(link(short, client)).status_code == 403


def test_no_path_leads_out_of_a_repository(hub: RunningHub, client: httpx.Client) -> None:
    for path in ("..%2f..%2fsecret", "nested/..%2f..%2fother", "%2fetc%2fhostname"):
        assert client.head(f"{hub.url}/{OPEN}/resolve/{SHA}/{path}").status_code == 404


def test_a_flipped_bit_hits_the_range_that_holds_it(hub: RunningHub, client: httpx.Client) -> None:
    hub.fail(HubFault(path=SHARD, flip_at=1_500_000))
    url = link(hub, client)
    assert client.get(url, headers={"range": "bytes=0-999999"}).content == DATA[:1_000_000]
    damaged = client.get(url, headers={"range": "bytes=1000000-1999999"}).content
    assert damaged[500_000] == DATA[1_500_000] ^ 1
    assert damaged[:500_000] + damaged[500_001:] == DATA[1_000_000:1_500_000] + DATA[1_500_001:2_000_000]
    # and once only
    assert client.get(url, headers={"range": "bytes=1000000-1999999"}).content == DATA[1_000_000:2_000_000]


def test_a_truncated_answer_promises_more_than_it_sends(hub: RunningHub, client: httpx.Client) -> None:
    hub.fail(HubFault(path=SHARD, truncate_at=1_200))
    with pytest.raises(httpx.RemoteProtocolError, match="received 200 bytes, expected 1000"):
        client.get(link(hub, client), headers={"range": "bytes=1000-1999"})


def test_headers_can_be_changed_under_the_clients_feet(hub: RunningHub, client: httpx.Client) -> None:
    hub.fail(HubFault(path="*/resolve/*", method="HEAD", headers={"X-Linked-Etag": '"changed"'}))
    answers = [client.head(f"{hub.url}/{OPEN}/resolve/{SHA}/{SHARD}") for _ in range(2)]
    assert [answer.headers["x-linked-etag"] == '"changed"' for answer in answers] == [True, False]


def test_faults_let_some_requests_pass_and_end(hub: RunningHub, client: httpx.Client) -> None:
    hub.fail(HubFault(path="/api/models/*", status=500, skip=1, times=2))
    statuses = [client.get(f"{hub.url}/api/models/{OPEN}").status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]


def test_a_slow_answer_arrives_whole(hub: RunningHub, client: httpx.Client) -> None:
    hub.fail(HubFault(path=SHARD, origin=Origin.CDN, pause_s=0.02))
    began_s = time.monotonic()
    assert client.get(link(hub, client), headers={"range": "bytes=0-262143"}).content == DATA[:262_144]
    assert time.monotonic() - began_s >= 0.06  # four pieces of 64 KiB


def test_every_answer_counts_the_requests_that_are_left(hub: RunningHub, client: httpx.Client) -> None:
    assert client.get(f"{hub.url}/api/models/{OPEN}").headers["ratelimit"] == '"resolvers";r=2999;t=300'
    hub.fail(HubFault(status=429, retry_after_s=7))
    refused = client.get(f"{hub.url}/api/models/{OPEN}")
    assert (refused.headers["ratelimit"], refused.headers["retry-after"]) == ('"resolvers";r=0;t=7', "7")
