"""What a request was given of its key's limits, and what its caller is told of them: OpenAI's headers and errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lambdas.router.errors import SERVER_ERROR, ApiError
from lambdas.router.limits.window import Bucket, duration

RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
INSUFFICIENT_QUOTA = "insufficient_quota"
LIMITS_UNAVAILABLE = "limits_unavailable"
_RETRY_UNCOUNTED_S = 2


class Count(NamedTuple):
    """A count as it stood when the request was added to it. `added`: what it was given of it."""

    bucket: Bucket
    used: int
    added: int

    @property
    def remaining(self) -> int:
        return max(0, self.bucket.window.limit - self.used)


class Need(NamedTuple):
    """Tokens that a request may take: its prompt's by estimate, its answer's at most."""

    prompt_tokens: int
    output_tokens: int

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens


class Admission(NamedTuple):
    """`tokens` is None where tokens are not limited, or could not be counted."""

    need: Need
    requests: Count | None
    tokens: Count | None
    at_s: float  # seconds since the epoch

    @property
    def headers(self) -> dict[str, str]:
        """OpenAI's `x-ratelimit-*`, for every limit that was counted."""
        return headers_of((count for count in (self.requests, self.tokens) if count), self.at_s)

    def used(self, prompt_tokens: int | None, completion_tokens: int | None) -> int:
        """Tokens that an answer took. What the engine did not count is taken for what was reserved."""
        prompt = self.need.prompt_tokens if prompt_tokens is None else prompt_tokens
        return prompt + (self.need.output_tokens if completion_tokens is None else completion_tokens)


def headers_of(counts: Iterable[Count], now_s: float) -> dict[str, str]:
    """https://developers.openai.com/api/docs/guides/rate-limits#rate-limits-in-headers"""
    headers = {}
    for count in counts:
        unit = count.bucket.window.unit
        headers[f"x-ratelimit-limit-{unit}"] = str(count.bucket.window.limit)
        headers[f"x-ratelimit-remaining-{unit}"] = str(count.remaining)
        headers[f"x-ratelimit-reset-{unit}"] = duration(count.bucket.reset_s(now_s))
    return headers


def too_many_requests(count: Count, now_s: float) -> ApiError:
    """The minute is full."""
    left_s, limit = count.bucket.reset_s(now_s), count.bucket.window.limit
    message = f"Rate limit reached: {limit} requests per minute and key. Please try again in {left_s}s."
    headers = {**headers_of((count,), now_s), "retry-after": str(left_s)}
    return ApiError(429, message, kind="requests", code=RATE_LIMIT_EXCEEDED, headers=headers)


def too_many_tokens(count: Count, need: Need, now_s: float) -> ApiError:
    """The day has no room for the request. OpenAI's SDKs would repeat it at once, were they not told otherwise."""
    left_s, limit = count.bucket.reset_s(now_s), count.bucket.window.limit
    message = (
        f"The quota of {limit} tokens per day and key has {count.remaining} left; this request may take about "
        f"{need.prompt_tokens} for its prompt and up to {need.output_tokens} for its answer. Lower max_tokens, or try "
        f"again in {duration(left_s)}, at midnight UTC."
    )
    headers = {
        **headers_of((count,), now_s),
        "retry-after": str(left_s),
        "x-should-retry": "false",
    }
    return ApiError(429, message, kind=INSUFFICIENT_QUOTA, code=INSUFFICIENT_QUOTA, headers=headers)


def not_counted() -> ApiError:
    """The table cannot be reached, and this environment lets nothing through uncounted."""
    message = "The limits of your key cannot be checked at the moment. Please try again."
    headers = {"retry-after": str(_RETRY_UNCOUNTED_S)}
    return ApiError(503, message, kind=SERVER_ERROR, code=LIMITS_UNAVAILABLE, headers=headers)
