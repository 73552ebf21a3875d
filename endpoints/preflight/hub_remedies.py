"""What to do so that the Hub hands out a model to the owner of the stored token: one wording for every command."""

from __future__ import annotations

from endpoints.preflight.account_facts import HubAccess


def hub_remedy(access: HubAccess, repository: str, *, environment: str, hub_url: str) -> str | None:
    """None where nothing needs to be done."""
    page = f"{hub_url}/{repository}"
    tokens = f"{hub_url}/settings/tokens"
    match access:
        case HubAccess.GRANTED:
            return None
        case HubAccess.NOT_ACCEPTED:
            return f'Open {page}, logged in as the token\'s owner, and click "Agree and access repository".'
        case HubAccess.NO_REVISION:
            return f"Correct the candidate's revision in use_cases.yaml ({page}/commits/main), and lock it again."
        case HubAccess.NOT_FOUND:
            return f"Open {page}, logged in as the token's owner: was the model renamed, or made private?"
        case HubAccess.TOKEN_SCOPE:
            return (
                f'Open {tokens}, edit the token, and tick "Read access to contents of all public gated repos you can '
                f'access"; accept the terms at {page}.'
            )
        case HubAccess.NO_TOKEN | HubAccess.BAD_TOKEN:
            return (
                f'Open {page} and click "Agree and access repository"; make a read token at {tokens}; store it: '
                f"adept token set --env {environment}"
            )
