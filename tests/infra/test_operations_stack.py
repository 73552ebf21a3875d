"""The dashboard, the budget, and the topic that both and the alarms speak to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endpoints.adapters.dashboard_body import graphs
from endpoints.catalogue import load_catalogue
from endpoints.catalogue.deployment import offered_candidates
from endpoints.sizing import hourly_cost
from endpoints.sizing.answer_time import answer_target_ms
from infra.endpoint_metrics import EndpointMetric
from infra.router_metrics import GATEWAY_THROTTLED, RouterMetric
from tests.infra.conftest import Template, only, resources, templates
from tests.infra.expressions import evaluate

CATALOGUE = load_catalogue()
GUIDE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
OF_AN_API = {"Count", "4XXError", "5XXError", "Latency"}


def _template(environment: str) -> Template:
    return templates(environment)[f"adept-{environment}-operations"]


def _body(environment: str) -> dict[str, Any]:
    """The dashboard's body, its region filled in."""
    written = only(_template(environment), "AWS::CloudWatch::Dashboard")["DashboardBody"]
    pieces = written["Fn::Join"][1] if isinstance(written, dict) else [written]
    body = json.loads("".join(piece if isinstance(piece, str) else "us-east-1" for piece in pieces))
    assert isinstance(body, dict)
    return body


def _metrics(environment: str) -> list[list[Any]]:
    return [
        metric
        for widget in _body(environment)["widgets"]
        if widget["type"] == "metric"
        for metric in widget["properties"]["metrics"]
    ]


def _graph(environment: str, title: str) -> dict[str, Any]:
    found = [w["properties"] for w in _body(environment)["widgets"] if w["properties"].get("title") == title]
    assert len(found) == 1
    return dict(found[0])


def test_there_is_one_dashboard_with_a_name_that_a_link_can_hold(environment: str) -> None:
    dashboard = only(_template(environment), "AWS::CloudWatch::Dashboard")

    assert dashboard["DashboardName"] == f"adept-{environment}"


def test_every_use_case_has_the_same_six_graphs(environment: str) -> None:
    titles = [graph.title for graph in graphs(_body(environment))]

    for use_case in CATALOGUE.use_cases:
        own = [title for title in titles if title.startswith(f"{use_case.title}: ")]
        assert len(own) == 6


def test_the_guide_describes_every_graph_and_no_other() -> None:
    example = CATALOGUE.use_cases[0].title
    shown = {
        graph.title.removeprefix(f"{example}: ")
        for graph in graphs(_body("production"))
        if ": " not in graph.title or graph.title.startswith(f"{example}: ")
    }
    section = GUIDE.partition("\n## The dashboard\n")[2].partition("\n## ")[0]
    described = {line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")}

    assert described - {"graph"} == shown


def test_graphs_read_metrics_that_something_emits(environment: str) -> None:
    emitted = {(metric.namespace, metric.metric_name) for metric in EndpointMetric}
    emitted |= {(f"AdeptAI/{environment}", metric.metric_name) for metric in RouterMetric}
    emitted |= {(f"AdeptAI/{environment}", GATEWAY_THROTTLED)}
    emitted |= {("AWS/ApiGateway", name) for name in OF_AN_API}

    plain = [metric for metric in _metrics(environment) if isinstance(metric[0], str)]
    assert plain
    for metric in plain:
        assert (metric[0], metric[1]) in emitted


def test_a_borrowed_candidate_is_shown_where_it_runs() -> None:
    environment = CATALOGUE.environment("production")
    shown = {(metric[3], metric[5]) for metric in _metrics("production") if metric[0] == "AWS/SageMaker"}
    expected = {
        (f"adept-production-{candidate.borrowed_from or use_case.id}", candidate.role.value)
        for use_case in CATALOGUE.use_cases
        for candidate in offered_candidates(use_case, environment)
    }

    assert shown == expected


def test_the_latency_graph_draws_the_targets_for_the_first_token_and_for_whole_answers(
    environment: str,
) -> None:
    for use_case in CATALOGUE.use_cases:
        graph = _graph(environment, f"{use_case.title}: time of whole answers, and to the first token (ms)")
        candidates = len(offered_candidates(use_case, CATALOGUE.environment(environment)))
        lines = graph["annotations"]["horizontal"]
        assert [line["value"] for line in lines] == [
            use_case.latency_target_ms,
            answer_target_ms(use_case, candidates=candidates),
        ]


def test_cost_per_hour_is_the_list_price_of_the_instances_that_report(environment: str) -> None:
    """Given every fleet at its smallest; then the graph shows what `adept cost` calls the smallest cost."""
    graph = _graph(environment, "Cost per hour of all instances (USD, list prices)")
    expression = next(metric[0]["expression"] for metric in graph["metrics"] if isinstance(metric[0], dict))
    fleets = CATALOGUE.environment(environment).instances
    period_s = 300
    # One sample per instance and minute.
    samples = {
        metric[-1]["id"]: fleets[role].min * period_s / 60
        for metric in graph["metrics"]
        if not isinstance(metric[0], dict)
        for role in fleets
        if metric[-1]["id"].startswith(role.value)
    }

    cost = hourly_cost(CATALOGUE, CATALOGUE.environment(environment)).usd_per_hour_min
    assert evaluate(expression, samples, period_s=period_s) == pytest.approx(cost)


@pytest.mark.parametrize("name", [e.name for e in CATALOGUE.environments if not e.embedded])
def test_the_budget_is_the_environments_and_counts_what_carries_its_tag(name: str) -> None:
    wanted = only(_template(name), "AWS::Budgets::Budget")
    budget = wanted["Budget"]

    assert budget["BudgetLimit"] == {"Amount": CATALOGUE.environment(name).monthly_budget_usd, "Unit": "USD"}
    assert (budget["TimeUnit"], budget["BudgetType"]) == ("MONTHLY", "COST")
    assert budget["CostFilters"] == {"TagKeyValue": [f"user:adept:environment${name}"]}
    for template in templates(name).values():
        tagged = [r for r in template["Resources"].values() if r["Type"] == "AWS::SageMaker::Endpoint"]
        for endpoint in tagged:
            assert {"Key": "adept:environment", "Value": name} in endpoint["Properties"]["Tags"]


@pytest.mark.parametrize("name", [e.name for e in CATALOGUE.environments if not e.embedded])
def test_the_budget_speaks_before_the_money_is_gone(name: str) -> None:
    notifications = only(_template(name), "AWS::Budgets::Budget")["NotificationsWithSubscribers"]
    alerts = [
        (entry["Notification"]["NotificationType"], entry["Notification"]["Threshold"])
        for entry in notifications
    ]

    assert alerts == [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    for entry in notifications:
        assert [subscriber["SubscriptionType"] for subscriber in entry["Subscribers"]] == ["SNS"]


def test_the_embedded_aws_has_no_budget() -> None:
    assert not resources(_template("local"), "AWS::Budgets::Budget")


def test_alarms_and_the_budget_may_publish_to_the_encrypted_topic(environment: str) -> None:
    template = templates(environment)[f"adept-{environment}-foundation"]
    of_topic = only(template, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    of_key = only(template, "AWS::KMS::Key")["KeyPolicy"]["Statement"]

    for service in ("cloudwatch.amazonaws.com", "budgets.amazonaws.com"):
        may = [s for s in of_topic if s["Principal"] == {"Service": service}]
        may_encrypt = [s for s in of_key if s["Principal"] == {"Service": service}]
        assert [s["Action"] for s in may] == ["sns:Publish"]
        assert [s["Action"] for s in may_encrypt] == [["kms:Decrypt", "kms:GenerateDataKey"]]
        for statement in (*may, *may_encrypt):
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
