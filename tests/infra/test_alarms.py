"""What the alarms promise: SageMaker can ask them during an update, people are paged for reasons, nothing at night."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from endpoints.catalogue import UseCase, load_catalogue
from endpoints.catalogue.deployment import deployed_candidates, offered_candidates
from endpoints.catalogue.schema.routing import BreakerSettings
from endpoints.sizing.answer_time import answer_target_ms
from infra.endpoint_metrics import EndpointMetric
from infra.router_metrics import GATEWAY_THROTTLED, LIMITS_UNAVAILABLE, TABLE_UNAVAILABLE, RouterMetric
from tests.infra.conftest import ENVIRONMENTS, Template, only, resources, templates
from tests.infra.expressions import evaluate

CATALOGUE = load_catalogue()
RUNBOOK = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
Properties = dict[str, Any]


@pytest.fixture(params=CATALOGUE.use_cases, ids=lambda use_case: use_case.id)
def use_case(request: pytest.FixtureRequest) -> UseCase:
    found = request.param
    assert isinstance(found, UseCase)
    return found


def _template(environment: str, part: str) -> Template:
    return templates(environment)[f"adept-{environment}-{part}"]


def _alarms(template: Template) -> dict[str, Properties]:
    """Alarms with a name of ours by that name; those that only drive a scaling policy have none."""
    found = (resource["Properties"] for resource in resources(template, "AWS::CloudWatch::Alarm").values())
    return {alarm["AlarmName"]: alarm for alarm in found if "AlarmName" in alarm}


def _all_alarms(environment: str) -> list[Properties]:
    return [alarm for template in templates(environment).values() for alarm in _alarms(template).values()]


def _ending(alarms: dict[str, Properties], what: str) -> list[Properties]:
    return [alarm for name, alarm in alarms.items() if name.endswith(f"-{what}")]


def _metrics(alarm: Properties) -> list[Properties]:
    """The metrics that an alarm reads, itself included where it reads just one."""
    if "Metrics" not in alarm:
        return [alarm]
    return [entry["MetricStat"]["Metric"] for entry in alarm["Metrics"] if "MetricStat" in entry]


def _expression(alarm: Properties) -> str:
    return next(str(entry["Expression"]) for entry in alarm["Metrics"] if "Expression" in entry)


def test_an_update_is_watched_by_alarms_that_exist_before_the_endpoint(
    environment: str, use_case: UseCase
) -> None:
    template = _template(environment, use_case.id)
    endpoint = next(iter(resources(template, "AWS::SageMaker::Endpoint").values()))
    asked = endpoint["Properties"]["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    names = [alarm["AlarmName"] for alarm in asked]

    assert 1 <= len(names) <= 10
    by_name = {
        resource["Properties"].get("AlarmName"): logical_id
        for logical_id, resource in resources(template, "AWS::CloudWatch::Alarm").items()
    }
    for name in names:
        assert by_name[name] in endpoint["DependsOn"]


def test_alarms_of_an_update_trip_within_a_bake_and_page_nobody(environment: str, use_case: UseCase) -> None:
    alarms = _alarms(_template(environment, use_case.id))
    rollback = {name: alarm for name, alarm in alarms.items() if "-rollback-" in name}

    assert len(rollback) == 3 * len(deployed_candidates(use_case, CATALOGUE.environment(environment)))
    for alarm in rollback.values():
        assert alarm["Period"] == 60
        assert alarm["DatapointsToAlarm"] <= 2
        assert alarm["TreatMissingData"] == "notBreaching"  # a variant without requests blocks no update
        assert "AlarmActions" not in alarm


def test_no_breaker_hides_a_bad_fleet_from_an_update_for_longer_than_its_alarms_look_at(
    environment: str, use_case: UseCase
) -> None:
    """What nobody asks has no failures, and would pass for good."""
    alarms = _alarms(_template(environment, use_case.id))
    looked_at_s = min(alarm["Period"] for name, alarm in alarms.items() if "-rollback-" in name)

    BreakerSettings(max_open_s=looked_at_s)
    with pytest.raises(ValidationError, match="max_open_s"):
        BreakerSettings(max_open_s=looked_at_s + 1)


def test_names_are_fixed_and_unique(environment: str) -> None:
    names = [alarm["AlarmName"] for alarm in _all_alarms(environment)]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(rf"adept-{environment}-[a-z0-9-]+", name) for name in names)


def test_an_alarm_for_people_tells_the_topic_when_it_trips_and_when_it_recovers(environment: str) -> None:
    for_people = [alarm for alarm in _all_alarms(environment) if "-rollback-" not in alarm["AlarmName"]]

    assert for_people
    for alarm in for_people:
        assert len(alarm["AlarmActions"]) == 1
        assert "Alerts" in str(alarm["AlarmActions"])
        assert alarm["OKActions"] == alarm["AlarmActions"]


def test_every_alarm_points_to_its_entry_in_the_runbook(environment: str) -> None:
    for alarm in _all_alarms(environment):
        what = alarm["AlarmDescription"].rpartition("docs/operations.md#")[2]
        assert alarm["AlarmName"].endswith(f"-{what}")
        assert f"\n### {what}\n" in RUNBOOK


def test_the_runbook_has_no_entry_for_an_alarm_that_does_not_exist() -> None:
    names = [alarm["AlarmName"] for environment in ENVIRONMENTS for alarm in _all_alarms(environment)]

    for entry in re.findall(r"\n### (\S+)\n", RUNBOOK):
        assert any(name.endswith(f"-{entry}") for name in names), entry


def test_every_alarm_says_what_silence_means(environment: str) -> None:
    alarms = _all_alarms(environment)
    breaching = {alarm["AlarmName"] for alarm in alarms if alarm["TreatMissingData"] == "breaching"}

    assert {alarm["TreatMissingData"] for alarm in alarms} == {"breaching", "notBreaching"}
    assert all(name.endswith("-no-instance") for name in breaching)


def test_alarms_read_metrics_that_something_emits(environment: str) -> None:
    emitted = {(metric.namespace, metric.metric_name) for metric in EndpointMetric}
    emitted |= {(f"AdeptAI/{environment}", metric.metric_name) for metric in RouterMetric}
    of_lines = (GATEWAY_THROTTLED, TABLE_UNAVAILABLE, LIMITS_UNAVAILABLE)
    emitted |= {(f"AdeptAI/{environment}", name) for name in of_lines}
    emitted |= {("AWS/ApiGateway", "5XXError"), ("AWS/ApiGateway", "Count")}

    for alarm in _all_alarms(environment):
        for metric in _metrics(alarm):
            assert (metric["Namespace"], metric["MetricName"]) in emitted


def test_the_embedded_cloudwatch_gets_no_alarm_on_an_expression_and_aws_gets_them_all() -> None:
    """Given ministack, which refuses metric math; when local is synthesised, then those alarms alone are missing."""
    of_local = {alarm["AlarmName"].replace("adept-local-", "") for alarm in _all_alarms("local")}
    of_staging = {alarm["AlarmName"].replace("adept-staging-", ""): alarm for alarm in _all_alarms("staging")}

    assert not [alarm for alarm in _all_alarms("local") if "Metrics" in alarm]
    assert of_local == {name for name, alarm in of_staging.items() if "Metrics" not in alarm}


def test_whole_answers_are_held_to_the_target_for_whole_answers(environment: str, use_case: UseCase) -> None:
    alarms = _alarms(_template(environment, use_case.id))
    candidates = len(offered_candidates(use_case, CATALOGUE.environment(environment)))
    target_ms = answer_target_ms(use_case, candidates=candidates)

    # ModelLatency is in microseconds.
    assert use_case.latency_target_ms < target_ms < use_case.limits.timeout_ms
    for alarm in _ending(alarms, "slow-answers"):
        assert alarm["MetricName"] == "ModelLatency"
        assert alarm["ExtendedStatistic"] == "p95"
        assert alarm["Threshold"] == target_ms * 1000


def test_the_first_token_is_held_to_the_use_cases_latency_target(environment: str, use_case: UseCase) -> None:
    alarms = _alarms(_template(environment, use_case.id))
    alarm = alarms[f"adept-{environment}-{use_case.id}-slow-first-token"]

    assert (alarm["MetricName"], alarm["ExtendedStatistic"]) == ("FirstTokenTime", "p95")
    assert alarm["Threshold"] == use_case.latency_target_ms
    assert alarm["DatapointsToAlarm"] > 1


def test_gpu_thresholds_count_every_card_of_the_model(environment: str, use_case: UseCase) -> None:
    alarms = _alarms(_template(environment, use_case.id))
    for candidate in deployed_candidates(use_case, CATALOGUE.environment(environment)):
        name = f"adept-{environment}-{use_case.id}-{candidate.role.value}"
        assert alarms[f"{name}-gpu-memory"]["Threshold"] == 98 * candidate.gpu_count
        assert alarms[f"{name}-gpu-busy"]["Threshold"] == 95 * candidate.gpu_count


def test_no_instance_takes_silence_for_the_signal(environment: str, use_case: UseCase) -> None:
    template = _template(environment, use_case.id)
    endpoint = next(iter(resources(template, "AWS::SageMaker::Endpoint")))
    watching = {
        resource["Properties"]["AlarmName"]: resource
        for resource in resources(template, "AWS::CloudWatch::Alarm").values()
        if str(resource["Properties"].get("AlarmName")).endswith("-no-instance")
    }

    assert watching
    for resource in watching.values():
        alarm = resource["Properties"]
        assert (alarm["MetricName"], alarm["Statistic"]) == ("CPUUtilization", "SampleCount")
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
        assert alarm["TreatMissingData"] == "breaching"
        # Not before the endpoint: a first deploy must not page for what is still being created.
        assert endpoint in resource["DependsOn"]


def _only_ending(what: str) -> Properties:
    return only_of(_ending(_alarms(_template("staging", "query-enhancement")), f"primary-{what}"))


def only_of(found: list[Properties]) -> Properties:
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("requests", "s4xx", "s5xx", "model", "percent"),
    [
        (2, 0, 1, 1, 0),  # one of two at night pages nobody
        (19, 0, 19, 19, 0),  # still too few to call it a rate: errors-at-low-traffic counts them
        (100, 0, 5, 5, 5),
        (100, 30, 0, 30, 0),  # callers' own mistakes
        (100, 10, 2, 18, 8),  # 8 broken connections and time-outs besides callers' mistakes, 2 of them 5xx
        (100, None, None, None, 0),  # a metric without samples
    ],
)
def test_the_error_rate_counts_failures_of_the_variant_only(
    requests: float, s4xx: float | None, s5xx: float | None, model: float | None, percent: float
) -> None:
    alarm = _only_ending("error-rate")
    values = {"requests": requests, "s4xx": s4xx, "s5xx": s5xx, "model": model}

    assert evaluate(_expression(alarm), values) == percent
    assert alarm["Threshold"] == 5


@pytest.mark.parametrize(("requests", "failures"), [(4, 3), (299, 3), (300, 0)])
def test_below_a_rate_failures_are_counted_and_above_they_are_not(requests: float, failures: float) -> None:
    """Given three failures within 15 minutes; then exactly one of the two alarms is responsible for them."""
    alarm = _only_ending("errors-at-low-traffic")
    values = {"requests": requests, "s4xx": None, "s5xx": 3.0, "model": 3.0}

    assert evaluate(_expression(alarm), values) == failures
    assert alarm["Threshold"] == 3
    assert {entry["MetricStat"]["Period"] for entry in alarm["Metrics"] if "MetricStat" in entry} == {900}


def test_failover_is_watched_where_there_is_a_second_candidate() -> None:
    for name in ENVIRONMENTS:
        environment = CATALOGUE.environment(name)
        for use_case in CATALOGUE.use_cases:
            alarms = _alarms(_template(name, use_case.id))
            watched = f"adept-{name}-{use_case.id}-failover-rate" in alarms
            expected = len(offered_candidates(use_case, environment)) > 1 and not environment.embedded
            assert watched == expected


def test_a_failover_rate_needs_traffic() -> None:
    alarm = only_of(_ending(_alarms(_template("production", "query-enhancement")), "failover-rate"))

    assert evaluate(_expression(alarm), {"part": 10, "asked": 100}) == 10 == alarm["Threshold"]
    assert evaluate(_expression(alarm), {"part": 50, "asked": 99}) == 0
    assert evaluate(_expression(alarm), {"part": None, "asked": 500}) == 0


def test_the_access_log_writes_the_status_as_the_text_that_the_filter_looks_for(environment: str) -> None:
    template = _template(environment, "router")
    stage = only(template, "AWS::ApiGateway::Stage")
    filters = resources(template, "AWS::Logs::MetricFilter").values()
    patterns = {
        entry["Properties"]["MetricTransformations"][0]["MetricName"]: entry["Properties"]["FilterPattern"]
        for entry in filters
    }

    assert '"status":"$context.status"' in stage["AccessLogSetting"]["Format"]
    assert patterns[GATEWAY_THROTTLED] == '{ $.status = "429" }'
