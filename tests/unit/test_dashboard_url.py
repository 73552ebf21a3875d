"""Where the console is, by region."""

from __future__ import annotations

import pytest

from endpoints.dashboard_url import dashboard_url


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_the_link_leads_to_the_console_of_the_regions_partition(region: str, host: str) -> None:
    link = dashboard_url("staging", region)

    assert link == f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/adept-staging"
