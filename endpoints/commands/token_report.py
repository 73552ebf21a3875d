"""What `adept token` says of a token, without the token: whose it is, and what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from endpoints.adapters.hub_identity import HubIdentity, TokenKind, TokenRefusedError
from endpoints.commands.output import print_table, say
from endpoints.locks import LockedSnapshot
from endpoints.preflight import HubAccess
from endpoints.preflight.hub_remedies import hub_remedy


def introduce(identity: HubIdentity) -> None:
    """Whose it is, and what is wrong or too much about it."""
    say(_introduction(identity))
    if identity.reads_gated is False:
        say(
            "It is fine-grained and reads no gated repository: "
            'tick "Read access to contents of all public gated repos you can access" in its settings.'
        )
    elif identity.kind is TokenKind.WRITE:
        say("It may write, too. A read or a fine-grained token is enough here, and safer.")


def _introduction(identity: HubIdentity) -> str:
    named = f"{identity.token_name!r}, " if identity.token_name else ""
    scopes = f"; scopes: {'; '.join(identity.scopes)}" if identity.scopes else ""
    return f"The token is {named}a {identity.kind} token of {identity.name}{scopes}."


def print_check(
    environment: str,
    identity: HubIdentity | TokenRefusedError | None,
    access: Mapping[LockedSnapshot, HubAccess],
    hub_url: str,
) -> None:
    """For people: whose token is stored, and a row per gated model with what to do."""
    if identity is None:
        say(f"No token is stored for {environment}.")
    elif isinstance(identity, TokenRefusedError):
        say(f"A token is stored for {environment}, but {identity.message}.")
    else:
        introduce(identity)
    if not access:
        say(f"No model of {environment} is gated: it needs no token.")
        return
    print_table(
        f"Gated models of {environment}",
        ("repository", "commit", "access", "page"),
        [
            (one.repository, one.revision, str(what), f"{hub_url}/{one.repository}")
            for one, what in access.items()
        ],
    )
    remedies = [
        hub_remedy(what, one.repository, environment=environment, hub_url=hub_url)
        for one, what in access.items()
    ]
    for remedy in dict.fromkeys(filter(None, remedies)):
        say(remedy)


def check_as_json(
    environment: str,
    identity: HubIdentity | TokenRefusedError | None,
    access: Mapping[LockedSnapshot, HubAccess],
    hub_url: str,
    *,
    ok: bool,
) -> dict[str, Any]:
    """The same for machines."""
    return {
        "environment": environment,
        "ok": ok,
        "stored": identity is not None,
        "refused": identity.message if isinstance(identity, TokenRefusedError) else None,
        "token": asdict(identity) if isinstance(identity, HubIdentity) else None,
        "models": [
            {
                "repository": one.repository,
                "revision": one.revision,
                "granted": what is HubAccess.GRANTED,
                "access": what.name.lower(),
                "page": f"{hub_url}/{one.repository}",
                "remedy": hub_remedy(what, one.repository, environment=environment, hub_url=hub_url),
            }
            for one, what in access.items()
        ],
    }
