"""`adept token`: the environment's Hugging Face token, stored, checked, replaced, removed. It is never shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from endpoints.adapters.hub_access import snapshot_access
from endpoints.adapters.hub_identity import PUBLIC_HUB, HubIdentity, TokenRefusedError, hub_identity
from endpoints.adapters.token_store import TokenStore
from endpoints.catalogue import load_catalogue
from endpoints.commands.access import LOCAL
from endpoints.commands.asking import confirmed, hidden_entry
from endpoints.commands.environment_weights import (
    EnvironmentWeights,
    hub_knows_tokens,
    hub_url_of,
    weights_of,
)
from endpoints.commands.output import EnvironmentOption, JsonOption, print_json, progress, say
from endpoints.commands.token_report import check_as_json, introduce, print_check
from endpoints.errors import StagingError
from endpoints.locks import LockedSnapshot
from endpoints.preflight import HubAccess
from endpoints.preflight.hub_remedies import hub_remedy
from endpoints.weights.token import token_fault

app = typer.Typer(
    help="The Hugging Face token of an environment: stored encrypted, read by the stager alone.",
    no_args_is_help=True,
)

_MOST_READ = 10_000  # characters of standard input; a token has about 37


# The parser's own refusal of a word too many would repeat it: `_no_words` is told of it instead.
_TAKES_WORDS = {"allow_extra_args": True}


@app.command("set", context_settings=_TAKES_WORDS)
def set_token(
    context: typer.Context,
    environment: EnvironmentOption = LOCAL,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Store it without asking the Hub whose it is.")
    ] = False,
) -> None:
    """Store a token, read from a hidden prompt or from standard input."""
    _no_words(context)
    knows_tokens = hub_knows_tokens(load_catalogue().environment(environment))
    if not (knows_tokens or no_check):
        raise _knows_no_tokens(environment)
    weights = weights_of(environment)
    hub_url = hub_url_of(weights.environment)
    token = _asked_for(hub_url, knows_tokens=knows_tokens)
    if not no_check:
        introduce(_identity(token, hub_url))
    store = _store(weights)
    if store.current() == token:
        say(f"That token is stored for {environment} already.")
        return
    store.put(token)
    if knows_tokens:
        say(f"Stored for {environment}. Which gated models it reads: adept token check --env {environment}")
    else:
        say(
            f"Stored for {environment}, whose Hub knows no tokens: within two minutes it refuses whatever is staged "
            f"anew. Take it out again: adept token remove --env {environment}"
        )


@app.command("check")
def check(environment: EnvironmentOption = LOCAL, as_json: JsonOption = False) -> None:
    """Whose token is stored, and which gated models of the environment it reads. Exit code 1 unless all."""
    weights = weights_of(environment)
    hub_url = hub_url_of(weights.environment)
    gated = _gated(weights)
    token = _store(weights).current()
    identity = None if token is None else _identity_or_refusal(token, hub_url)
    access = _access_to(gated, token, hub_url)
    ok = not isinstance(identity, TokenRefusedError) and all(
        one is HubAccess.GRANTED for one in access.values()
    )
    if as_json:
        print_json(check_as_json(environment, identity, access, hub_url, ok=ok))
    else:
        print_check(environment, identity, access, hub_url)
        if not (ok or hub_knows_tokens(weights.environment)):
            say(f"The Hub of {environment} knows no tokens: adept token remove --env {environment}")
    if not ok:
        raise typer.Exit(1)


@app.command("rotate", context_settings=_TAKES_WORDS)
def rotate(context: typer.Context, environment: EnvironmentOption = LOCAL) -> None:
    """Replace the token by one that reads at least as much. Whatever goes wrong, the old one stays."""
    _no_words(context)
    if not hub_knows_tokens(load_catalogue().environment(environment)):
        raise _knows_no_tokens(environment)
    weights = weights_of(environment)
    hub_url = hub_url_of(weights.environment)
    store = _store(weights)
    old = store.current()
    if old is None:
        raise StagingError(
            f"no token is stored for {environment}, so there is none to replace",
            remedy=f"Store one: adept token set --env {environment}",
        )
    new = _asked_for(hub_url, knows_tokens=True)
    if new == old:
        raise StagingError(
            "that is the token that is stored already: nothing was changed",
            remedy=f"Make a new one at {hub_url}/settings/tokens.",
        )
    introduce(_identity(new, hub_url))
    _require_as_much(_gated(weights), old, new, environment, hub_url)
    store.put(new)
    say(
        f"The new token is the one of {environment} now; the old one is kept as the secret's previous version."
    )
    say(f"Revoke the old one on the Hub: {hub_url}/settings/tokens")


@app.command("remove", context_settings=_TAKES_WORDS)
def remove(
    context: typer.Context,
    environment: EnvironmentOption = LOCAL,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Have no token any more. What is staged stays usable; the secret itself stays, without a value."""
    _no_words(context)
    if not (yes or sys.stdin.isatty()):
        raise StagingError(
            "nobody can be asked here", remedy=f"Say it: adept token remove --env {environment} --yes"
        )
    weights = weights_of(environment)
    store = _store(weights)
    if store.current() is None:
        store.forget_earlier()
        say(f"No token is stored for {environment}.")
        return
    knows_tokens = hub_knows_tokens(weights.environment)
    if knows_tokens:
        say("Gated models that are staged stay usable; no other one can be staged without a token.")
    if not yes and not confirmed(f"Remove the token of {environment}?"):
        raise StagingError("the token stays")
    store.remove()
    say(f"No token is stored for {environment} any more. The stager forgets it within two minutes.")
    if knows_tokens:
        say(
            f"It is valid still: revoke it on the Hub, too: {hub_url_of(weights.environment)}/settings/tokens"
        )


def _knows_no_tokens(environment: str) -> StagingError:
    return StagingError(
        f"the Hub of {environment} gates nothing and knows no tokens: it would refuse this one, and all that is staged "
        "with it",
        remedy=(
            f"Stage without one. Is one stored? adept token remove --env {environment}. To see what a refused one "
            f"does: adept token set --env {environment} --no-check"
        ),
    )


def _no_words(context: typer.Context) -> None:
    """Wrong usage, without the words: they are a token, most likely."""
    if context.args:
        raise typer.BadParameter(
            "a token is never an argument: shells keep it, and `ps` shows it. If that was one, revoke it on the Hub; "
            "pipe another one in, or type it at the prompt.",
            param_hint="an argument",
        )


def _asked_for(hub_url: str, *, knows_tokens: bool) -> str:
    """A token from the keyboard, unseen, or from standard input. Raises `StagingError` for what cannot be one."""
    if sys.stdin.isatty():
        made = f" (made at {hub_url}/settings/tokens)" if knows_tokens else ""
        text = hidden_entry(f"Token{made}", expected="paste a token (nothing of it shows) and press Enter")
    else:
        text = sys.stdin.read(_MOST_READ)
    # The line's end comes with every way of piping it; blanks inside mean that something else was pasted.
    token = text.rstrip("\r\n")
    if fault := token_fault(token, of_the_hub=hub_url == PUBLIC_HUB):
        raise StagingError(
            f"this is no Hugging Face token: it {fault}",
            remedy="Nothing was stored. Run this again, and pipe it in or type it at the prompt.",
        )
    return token


def _identity(token: str, hub_url: str) -> HubIdentity:
    progress(f"asking {hub_url} whose token it is")
    return hub_identity(token, hub_url=hub_url)


def _identity_or_refusal(token: str, hub_url: str) -> HubIdentity | TokenRefusedError:
    try:
        return _identity(token, hub_url)
    except TokenRefusedError as refused:
        return refused


def _store(weights: EnvironmentWeights) -> TokenStore:
    return TokenStore(weights.account, weights.foundation.token_secret)


def _gated(weights: EnvironmentWeights) -> tuple[LockedSnapshot, ...]:
    """What the token is needed for; a snapshot of which the lock does not know counts as gated."""
    return tuple(one for one in weights.lock.snapshots if one.gated is not False)


def _access_to(
    snapshots: Sequence[LockedSnapshot], token: str | None, hub_url: str
) -> Mapping[LockedSnapshot, HubAccess]:
    found: dict[LockedSnapshot, HubAccess] = {}
    for one in snapshots:
        progress(f"asking for {one.repository}")
        found[one] = snapshot_access(one.repository, one.revision or "main", token, hub_url=hub_url)
    return found


def _require_as_much(
    snapshots: Sequence[LockedSnapshot], old: str, new: str, environment: str, hub_url: str
) -> None:
    """Raises `StagingError` when `new` cannot read a model that `old` reads."""
    lost = {
        one: access
        for one, access in _access_to(snapshots, new, hub_url).items()
        if access is not HubAccess.GRANTED
        and snapshot_access(one.repository, one.revision or "main", old, hub_url=hub_url) is HubAccess.GRANTED
    }
    if not lost:
        return
    told = "; ".join(f"{one.repository}: {access}" for one, access in lost.items())
    remedies = dict.fromkeys(
        hub_remedy(access, one.repository, environment=environment, hub_url=hub_url) or ""
        for one, access in lost.items()
    )
    raise StagingError(
        f"the new token reads less than the old one, which stays: {told}", remedy="\n".join(remedies)
    )
