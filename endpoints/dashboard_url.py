"""Where an environment's dashboard is in the AWS console."""

from __future__ import annotations

from endpoints.naming import environment_name

# AWS partitions have consoles of their own; every other region is the commercial partition's.
_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
_COMMERCIAL = "console.aws.amazon.com"


def dashboard_url(environment: str, region: str) -> str:
    """The link to the CloudWatch dashboard of `environment`; the browser must be signed in to its account."""
    console = next((host for prefix, host in _CONSOLES.items() if region.startswith(prefix)), _COMMERCIAL)
    name = environment_name(environment)
    return f"https://{region}.{console}/cloudwatch/home?region={region}#dashboards/dashboard/{name}"
