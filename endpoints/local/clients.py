"""The environment in which the CDK CLI, boto3 and the AWS CLI reach the embedded AWS, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping

from endpoints.local.ministack_private import without_proxy
from endpoints.local.settings import ACCESS_KEY_ID, ACCOUNT, PROCESS_MARKER, SECRET_ACCESS_KEY, LocalSettings


def client_environment(settings: LocalSettings, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """`base` (default: this process's environment) without any AWS setting, pointed at the embedded AWS.

    Profiles, credentials files, roles, per-service endpoints and `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` would
    each send a request to a real account; none of them is left.
    """
    given = os.environ if base is None else base
    kept = {
        key: value for key, value in given.items() if not key.startswith("AWS_") and key != PROCESS_MARKER
    }
    return {
        **kept,
        **without_proxy(kept),
        "AWS_ENDPOINT_URL": settings.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": settings.region,
        # The CLI remembers which account a key belongs to; keep that apart from the user's.
        "CDK_HOME": str(settings.home / "cdk"),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }
