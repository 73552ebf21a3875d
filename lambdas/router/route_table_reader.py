"""Parses the route table, whole or not at all: serving half a table would be a silent outage.

A table in the bundle is of the code's own release. One that is read from elsewhere may be older or newer than the code:
its version differs, or it has a field that this code does not know. It is refused; a field is never the future.
"""

from __future__ import annotations

import json

from lambdas.router.checked_node import Node
from lambdas.router.route_table import (
    MULTILINGUAL,
    BreakerSettings,
    Candidate,
    Engine,
    Experiment,
    HedgeTo,
    Hedging,
    LicenceClass,
    Limits,
    Requirements,
    Retries,
    Route,
    RouteTable,
    RouteTableError,
    Shadow,
    StreamLimits,
)

VERSION = 2
_ROUTE = (
    *("endpoint_name", "limits", "requests_in_flight", "streams", "retries", "breaker", "hedging"),
    *("experiment", "shadow", "require", "log_text", "candidates"),
)
_LIMITS = ("max_body_bytes", "max_messages", "max_output_tokens", "timeout_ms")
_CANDIDATE = (
    *("role", "variant", "endpoint_name", "model_id", "engine", "max_input_tokens", "max_total_tokens"),
    *("tool_calls", "licence", "languages", "multilingual", "structured_output", "usd_per_hour"),
)


def load_route_table(text: str | bytes) -> RouteTable:
    """Parse the table's JSON text. Raises `RouteTableError`."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RouteTableError((f"not JSON: {error}",)) from error
    return parse_route_table(document)


def parse_route_table(document: object) -> RouteTable:
    """Check and freeze a decoded table. Raises `RouteTableError` with every fault."""
    faults: list[str] = []
    root = Node(document, "$", faults)
    _check_version(root.value_of("version"))
    root.refuse_unknown("version", "environment", "use_cases")
    environment = root.text("environment")
    routes = {name: _route(name, node) for name, node in root.children("use_cases")}
    if not routes and not faults:
        faults.append("$.use_cases: at least one use case is needed")
    if faults:
        raise RouteTableError(tuple(faults))
    most = max(route.limits.max_body_bytes for route in routes.values())
    return RouteTable(environment=environment, routes=routes, max_body_bytes=most)


def _check_version(version: object) -> None:
    is_whole = isinstance(version, int) and not isinstance(version, bool)
    if is_whole and version == VERSION:
        return
    newer = isinstance(version, int) and version > VERSION
    remedy = "deploy the router of the table's release" if newer else "render the table anew and deploy it"
    raise RouteTableError((f"$.version: got {version!r:.20}, this router reads {VERSION}: {remedy}",))


def _route(use_case: str, node: Node) -> Route:
    node.refuse_unknown(*_ROUTE)
    if ":" in use_case:
        node.fault("", "a use case's id holds no colon: it separates the candidate")
    candidates = _candidates(node)
    roles = [candidate.role for candidate in candidates]
    return Route(
        use_case=use_case,
        limits=Limits(**_wholes(node.child("limits"), *_LIMITS)),
        requests_in_flight=node.whole("requests_in_flight"),
        streams=StreamLimits(**_wholes(node.child("streams"), "timeout_ms", "first_token_ms", "idle_ms")),
        retries=_retries(node.child("retries")),
        breaker=_breaker(node.child("breaker")),
        hedging=_hedging(node.optional("hedging")),
        experiment=_experiment(node.optional("experiment"), roles),
        shadow=_shadow(node.optional("shadow"), roles),
        require=_requirements(node.child("require")),
        log_text=node.flag("log_text"),
        candidates=candidates,
    )


def _wholes(node: Node, *names: str) -> dict[str, int]:
    """An object of positive whole numbers."""
    node.refuse_unknown(*names)
    return {name: node.whole(name) for name in names}


def _retries(node: Node) -> Retries:
    node.refuse_unknown("per_candidate", "base_ms", "cap_ms")
    return Retries(node.whole("per_candidate", least=0), node.whole("base_ms"), node.whole("cap_ms"))


def _breaker(node: Node) -> BreakerSettings:
    node.refuse_unknown("window_s", "min_requests", "failure_percent", "open_s", "max_open_s")
    return BreakerSettings(
        window_s=node.whole("window_s"),
        min_requests=node.whole("min_requests"),
        failure_percent=node.percent("failure_percent"),
        open_s=node.whole("open_s"),
        max_open_s=node.whole("max_open_s"),
    )


def _hedging(node: Node | None) -> Hedging | None:
    if node is None:
        return None
    node.refuse_unknown("after_ms", "to", "max_prompt_chars", "budget_percent")
    return Hedging(
        after_ms=node.whole("after_ms"),
        to=node.choice("to", HedgeTo),
        max_prompt_chars=node.whole("max_prompt_chars"),
        budget_percent=node.percent("budget_percent"),
    )


def _experiment(node: Node | None, roles: list[str]) -> Experiment | None:
    if node is None:
        return None
    node.refuse_unknown("id", "salt", "weights", "sticky_by")
    weights = node.child("weights")
    weights.refuse_unknown(*roles)
    shares = {role: weights.whole(role, least=0) for role in weights.names()}
    if not any(shares.values()):
        node.fault("weights", "at least one above 0 is needed")
    sources = node.texts("sticky_by")
    for source in sources:
        # In lower case, as names of headers come here: any other would never be found.
        if source not in ("user", "session") and not (source.startswith("header:") and source.islower()):
            node.fault("sticky_by", f"got {source!r:.60}, allowed: user, session, header:name (lower case)")
    return Experiment(node.text("id"), node.text("salt"), shares, sources)


def _shadow(node: Node | None, roles: list[str]) -> Shadow | None:
    if node is None:
        return None
    node.refuse_unknown("candidate", "percent", "max_in_flight", "timeout_ms")
    candidate = node.text("candidate")
    if candidate not in roles:
        node.fault("candidate", f"got {candidate!r}, allowed: {', '.join(roles)}")
    return Shadow(candidate, node.percent("percent"), node.whole("max_in_flight"), node.whole("timeout_ms"))


def _requirements(node: Node) -> Requirements:
    node.refuse_unknown("licence", "languages", "context_tokens", "structured_output")
    return Requirements(
        licence=None if node.value_of("licence") is None else node.choice("licence", LicenceClass),
        languages=node.texts("languages"),
        context_tokens=None if node.value_of("context_tokens") is None else node.whole("context_tokens"),
        structured_output=node.flag("structured_output"),
    )


def _candidates(route: Node) -> tuple[Candidate, ...]:
    own_endpoint = route.sagemaker_name("endpoint_name")
    candidates = tuple(_candidate(node, own_endpoint) for node in route.items("candidates"))
    roles = [candidate.role for candidate in candidates]
    if not roles:
        route.fault("candidates", "at least one candidate is needed")
    if len(set(roles)) != len(roles):
        route.fault("candidates", f"each role appears once, got {roles}")
    return candidates


def _candidate(node: Node, own_endpoint: str) -> Candidate:
    node.refuse_unknown(*_CANDIDATE)
    borrowed = node.value_of("endpoint_name") is not None
    languages = node.texts("languages")
    multilingual = node.flag("multilingual")
    return Candidate(
        role=node.text("role"),
        variant=node.sagemaker_name("variant"),
        endpoint_name=node.sagemaker_name("endpoint_name") if borrowed else own_endpoint,
        model_id=node.text("model_id"),
        engine=node.choice("engine", Engine),
        max_input_tokens=node.whole("max_input_tokens"),
        max_total_tokens=node.whole("max_total_tokens"),
        tool_calls=node.flag("tool_calls"),
        licence=node.choice("licence", LicenceClass),
        languages=frozenset((*languages, MULTILINGUAL) if multilingual else languages),
        structured_output=node.flag("structured_output"),
        usd_per_hour=None if node.value_of("usd_per_hour") is None else node.number("usd_per_hour"),
    )
