"""Log retention in days as CloudWatch Logs knows it."""

from __future__ import annotations

from aws_cdk.aws_logs import RetentionDays

from endpoints.errors import CatalogueError

_BY_DAYS = {
    1: RetentionDays.ONE_DAY,
    3: RetentionDays.THREE_DAYS,
    7: RetentionDays.ONE_WEEK,
    14: RetentionDays.TWO_WEEKS,
    30: RetentionDays.ONE_MONTH,
    60: RetentionDays.TWO_MONTHS,
    90: RetentionDays.THREE_MONTHS,
    180: RetentionDays.SIX_MONTHS,
    365: RetentionDays.ONE_YEAR,
}


def retention(days: int) -> RetentionDays:
    """The CDK's name for `days`; `CatalogueError` when CloudWatch Logs has no such retention."""
    if days not in _BY_DAYS:
        allowed = ", ".join(str(known) for known in _BY_DAYS)
        raise CatalogueError(f"log_retention_days is {days}", remedy=f"Allowed: {allowed}.")
    return _BY_DAYS[days]
