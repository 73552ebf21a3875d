"""Two candidates that differ in their facts, and plans made over them."""

from __future__ import annotations

from lambdas.router.choosing.choice import choose
from lambdas.router.choosing.plan import Asker, Plan, plan
from lambdas.router.choosing.requirements import parse_requirements
from lambdas.router.choosing.wishes import NO_WISHES, Wishes
from lambdas.router.route_table import RouteTable
from tests.unit.router.support import (
    ALTERNATIVE_MODEL,
    PRIMARY_MODEL,
    ROUTING,
    candidate,
)

CUSTOM = candidate("primary", PRIMARY_MODEL, licence="custom", languages=["de", "en"], multilingual=True)
FREE = candidate("alternative", ALTERNATIVE_MODEL, max_total_tokens=8192, structured_output=True)
EXPERIMENT = {
    "id": "e1",
    "salt": "s",
    "weights": {"primary": 50, "alternative": 50},
    "sticky_by": ["user", "session", "header:x-tenant"],
}


def roles(planned: Plan) -> list[str]:
    return [each.role for each in planned.candidates]


def planned(
    table: RouteTable,
    wishes: Wishes = NO_WISHES,
    model: str = "query-enhancement",
    user: object = None,
    request_id: str = "req-1",
    **headers: str,
) -> Plan:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return plan(choose(table, model), wishes, Asker(user, named, request_id))


def own_requirements(**changes: object) -> dict[str, object]:
    """A use case's own requirements, as the table has them."""
    given_: dict[str, object] = ROUTING["require"]
    return given_ | changes


def requiring(text: str) -> Wishes:
    return Wishes(required=parse_requirements(text))
