"""Rollback alarms: attached to the endpoint's deployments, and there to ring. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from endpoints.findings import Finding, Severity
from endpoints.verify.intent import EndpointIntent
from endpoints.verify.live import LiveEndpoint
from endpoints.verify.resolver import Unresolved


def compare_alarms(
    environment: str, intent: EndpointIntent, live: LiveEndpoint, states: Mapping[str, str]
) -> Iterator[Finding]:
    """`states` holds the alarms that exist, by name, with their state."""
    for alarm in intent.rollback_alarms:
        if isinstance(alarm, Unresolved):
            yield Finding(
                check="unresolved",
                severity=Severity.WARNING,
                where=intent.endpoint_name,
                found=f"cannot tell which alarm should roll an update back: {alarm.why}",
            )
            continue
        yield from _alarm(environment, intent, live, alarm, states)


def _alarm(
    environment: str, intent: EndpointIntent, live: LiveEndpoint, alarm: str, states: Mapping[str, str]
) -> Iterator[Finding]:
    if alarm not in states:
        yield Finding(
            check="rollback-alarm-missing",
            severity=Severity.BLOCKER,
            where=intent.endpoint_name,
            found=f"rollback alarm {alarm} does not exist: the next update would be refused, or not be guarded",
            expected="an alarm",
            remedy="It was deleted outside of CloudFormation, which will not make it anew by itself: create it under "
            f"this name as stack {intent.stack_name} defines it.",
        )
    elif states[alarm] == "ALARM":
        yield Finding(
            check="rollback-alarm-ringing",
            severity=Severity.WARNING,
            where=intent.endpoint_name,
            found=f"rollback alarm {alarm} is in ALARM: an update now would be rolled back at once",
            expected="OK",
            remedy="Mend what it reports before the next deploy.",
        )
    # An endpoint that was created and never updated has no last deployment to show its alarms in.
    if live.rollback_alarms and alarm not in live.rollback_alarms:
        yield Finding(
            check="rollback-alarm-detached",
            severity=Severity.WARNING,
            where=intent.endpoint_name,
            found=f"its last deployment was not guarded by {alarm}",
            expected="auto-rollback by that alarm",
            remedy=f"The next adept deploy --env {environment} that updates the endpoint attaches it.",
        )
