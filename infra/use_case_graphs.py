"""The six graphs of one use case: answers, latency, failures, instances, GPUs, tokens."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch

from endpoints.catalogue import Candidate, Environment, UseCase
from endpoints.catalogue.deployment import offered_candidates
from endpoints.naming import endpoint_name
from endpoints.sizing.answer_time import answer_target_ms
from infra.endpoint_metrics import (
    MICROSECONDS_PER_MS,
    EndpointMetric,
    endpoint_metric,
    instance_samples,
    instances_from,
)
from infra.graph import FULL_WIDTH, GREY, PERIOD, PURPLE, RED, graph
from infra.router_metrics import RouterMetric, router_metric

_COLORS = {"primary": "#1f77b4", "alternative": "#ff7f0e"}


@dataclass(frozen=True)
class UseCaseGraphs:
    """The graphs of one use case. A borrowed candidate is shown where it runs: its numbers are its lender's too."""

    environment: Environment
    use_case: UseCase

    def heading(self) -> cloudwatch.TextWidget:
        models = " · ".join(
            f"**{candidate.role.value}** {candidate.model_id} on {candidate.instance_type}{_lender(candidate)}"
            for candidate in self._candidates
        )
        return cloudwatch.TextWidget(
            width=FULL_WIDTH,
            height=2,
            markdown=(
                f"## {self.use_case.title}\n{models} · first token within {self.use_case.latency_target_ms} ms, "
                f"a whole answer within {self._answer_target_ms} ms"
            ),
        )

    def answers(self) -> cloudwatch.GraphWidget:
        return graph(
            self._title("answers by candidate"),
            [
                router_metric(
                    RouterMetric.ANSWERED,
                    self.environment.name,
                    use_case=self.use_case.id,
                    candidate=candidate.role.value,
                    period=PERIOD,
                    label=candidate.role.value,
                    color=_COLORS[candidate.role.value],
                )
                for candidate in self._candidates
            ],
            stacked=True,
        )

    def latency(self) -> cloudwatch.GraphWidget:
        targets = [
            cloudwatch.HorizontalAnnotation(value=value, label=label, color=GREY)
            for value, label in (
                (self.use_case.latency_target_ms, "target for the first token"),
                (self._answer_target_ms, "target for a whole answer"),
            )
        ]
        return graph(
            self._title("time of whole answers, and to the first token (ms)"),
            [
                *(
                    self._latency_ms(candidate, statistic)
                    for candidate in self._candidates
                    for statistic in ("p50", "p95", "p99")
                ),
                *(
                    self._of_router(RouterMetric.FIRST_TOKEN, f"first token {statistic}", color, statistic)
                    for statistic, color in (("p50", PURPLE), ("p95", RED))
                ),
            ],
            annotations=targets,
        )

    def failures(self) -> cloudwatch.GraphWidget:
        of_models = [
            self._of(candidate, EndpointMetric.INVOCATION_MODEL_ERRORS, "Sum", "model errors")
            for candidate in self._candidates
        ]
        return graph(
            self._title("failures"),
            [
                *of_models,
                self._of_router(RouterMetric.FAILED_OVER, "failed over", PURPLE),
                self._of_router(RouterMetric.THROTTLED, "throttled", GREY),
                self._of_router(RouterMetric.FAILED, "failed for the caller", RED),
            ],
        )

    def instances(self) -> cloudwatch.GraphWidget:
        counts = [self._instances(candidate) for candidate in self._candidates]
        in_flight = [
            self._of(candidate, EndpointMetric.CONCURRENT_REQUESTS_PER_MODEL, "Maximum", "in flight")
            for candidate in self._candidates
        ]
        return graph(self._title("instances, and requests in flight (right)"), counts, right=in_flight)

    def gpus(self) -> cloudwatch.GraphWidget:
        return graph(
            self._title("GPU busy and GPU memory (% per card)"),
            [
                self._per_card(candidate, metric, statistic, label)
                for candidate in self._candidates
                for metric, statistic, label in (
                    (EndpointMetric.GPU_UTILIZATION, "Average", "busy"),
                    (EndpointMetric.GPU_MEMORY_UTILIZATION, "Maximum", "memory"),
                )
            ],
        )

    def tokens(self) -> cloudwatch.GraphWidget:
        return graph(
            self._title("tokens, and ms per written token (right)"),
            [
                self._of_router(RouterMetric.PROMPT_TOKENS, "read", GREY),
                self._of_router(RouterMetric.COMPLETION_TOKENS, "written", _COLORS["primary"]),
            ],
            right=[
                cloudwatch.MathExpression(
                    expression="time / written",
                    using_metrics={
                        "time": self._of_router(RouterMetric.ANSWER_TIME, "time", GREY, statistic="Sum"),
                        "written": self._of_router(RouterMetric.COMPLETION_TOKENS, "written", GREY),
                    },
                    period=PERIOD,
                    label="ms per written token",
                    color=PURPLE,
                )
            ],
        )

    @property
    def _candidates(self) -> tuple[Candidate, ...]:
        return offered_candidates(self.use_case, self.environment)

    @property
    def _answer_target_ms(self) -> int:
        return answer_target_ms(self.use_case, candidates=len(self._candidates))

    def _title(self, what: str) -> str:
        return f"{self.use_case.title}: {what}"

    def _endpoint_of(self, candidate: Candidate) -> str:
        return endpoint_name(self.environment.name, candidate.borrowed_from or self.use_case.id)

    def _of(
        self, candidate: Candidate, metric: EndpointMetric, statistic: str, label: str
    ) -> cloudwatch.Metric:
        return endpoint_metric(
            metric,
            endpoint_name=self._endpoint_of(candidate),
            variant=candidate.role.value,
            statistic=statistic,
            period=PERIOD,
            label=f"{candidate.role.value} {label}",
        )

    def _of_router(
        self, metric: RouterMetric, label: str, color: str, statistic: str | None = None
    ) -> cloudwatch.Metric:
        return router_metric(
            metric,
            self.environment.name,
            use_case=self.use_case.id,
            period=PERIOD,
            label=label,
            color=color,
            statistic=statistic,
        )

    def _instances(self, candidate: Candidate) -> cloudwatch.MathExpression:
        role = candidate.role.value
        samples = instance_samples(endpoint_name=self._endpoint_of(candidate), variant=role, period=PERIOD)
        return cloudwatch.MathExpression(
            expression=instances_from(role),
            using_metrics={role: samples},
            period=PERIOD,
            label=f"{role} instances",
            color=_COLORS[role],
        )

    def _latency_ms(self, candidate: Candidate, statistic: str) -> cloudwatch.MathExpression:
        latency = self._of(candidate, EndpointMetric.MODEL_LATENCY, statistic, statistic)
        return _divided(latency, f"{candidate.role.value}_{statistic}", MICROSECONDS_PER_MS)

    def _per_card(
        self, candidate: Candidate, metric: EndpointMetric, statistic: str, label: str
    ) -> cloudwatch.MathExpression:
        all_cards = self._of(candidate, metric, statistic, label)
        return _divided(all_cards, f"{candidate.role.value}_{label}", candidate.gpu_count)


def _divided(metric: cloudwatch.Metric, metric_id: str, by: int) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=f"{metric_id} / {by}",
        using_metrics={metric_id: metric},
        period=PERIOD,
        label=metric_id.replace("_", " "),
    )


def _lender(candidate: Candidate) -> str:
    return f" (of {candidate.borrowed_from})" if candidate.borrowed_from else ""
