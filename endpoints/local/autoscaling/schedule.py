"""When a scheduled action is due: `at(...)`, `rate(...)` and `cron(...)` as Application Auto Scaling writes them. Pure.

Days of the month and of the week are `*`, `?`, numbers, names, lists, ranges and steps; L, W and # are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from endpoints.local.protocol import ServiceError, validation_error

_FORM = re.compile(r"(at|rate|cron)\((.*)\)")
_RATE = re.compile(r"(\d+) (minute|hour|day)s?")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # SUN is 1
_FIELDS = (  # name, lowest, highest, names of the values from the lowest on
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _WEEKDAYS),
    ("year", 1970, 2199, ()),
)

Due = Callable[[datetime, datetime], bool]  # due(after, until): is there a moment in (after, until]?


def parse_schedule(expression: str, timezone: str | None, created: datetime) -> Due:
    """Raises ServiceError ValidationException for what is not an expression. Times given to the answer are aware."""
    zone = _zone(timezone)
    match = _FORM.fullmatch(expression.strip())
    if match is None:
        raise _refused(expression)
    kind, text = match.groups()
    if kind == "at":
        return _at(expression, text, zone)
    if kind == "rate":
        return _rate(expression, text, created)
    return _cron(expression, text, zone)


def _at(expression: str, text: str, zone: ZoneInfo) -> Due:
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        raise _refused(expression) from None
    return lambda after, until: after < moment <= until


def _rate(expression: str, text: str, created: datetime) -> Due:
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise _refused(expression)
    try:
        interval = timedelta(**{f"{match[2]}s": int(match[1])})
    except OverflowError:
        raise _refused(expression) from None

    def due(after: datetime, until: datetime) -> bool:
        return (until - created) // interval > max(0, (after - created) // interval)

    return due


def _cron(expression: str, text: str, zone: ZoneInfo) -> Due:
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise _refused(expression)
    sets = [_values(expression, item, *field[1:]) for item, field in zip(fields, _FIELDS, strict=True)]

    def matches(moment: datetime) -> bool:
        weekday = moment.isoweekday() % 7 + 1
        parts = (moment.minute, moment.hour, moment.day, moment.month, weekday, moment.year)
        return all(part in values for part, values in zip(parts, sets, strict=True))

    def due(after: datetime, until: datetime) -> bool:
        minute = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        while minute <= until:
            if matches(minute.astimezone(zone)):
                return True
            minute += timedelta(minutes=1)
        return False

    return due


def _values(expression: str, text: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    if text in ("*", "?"):
        return frozenset(range(low, high + 1))
    found: set[int] = set()
    for item in text.upper().split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        try:
            start = low if first == "*" else _number(first, low, names)
            end = _number(last, low, names) if last else (high if step or first == "*" else start)
            if not low <= start <= end <= high:
                raise _refused(expression)
            found.update(range(start, end + 1, int(step or 1)))
        except ValueError:
            raise _refused(expression) from None
    return frozenset(found)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    return names.index(text) + low if text in names else int(text)


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError):
        raise validation_error(f"Timezone {name} is not valid.") from None


def _refused(expression: str) -> ServiceError:
    return validation_error(f"Invalid schedule expression: {expression}")
