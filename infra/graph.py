"""How every graph of a dashboard looks: a third of the width, axes from zero, five minutes a point."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

FULL_WIDTH = 24
PERIOD = Duration.minutes(5)
RED, DARK_RED, PURPLE, GREY = "#d62728", "#8c1515", "#9467bd", "#7f7f7f"


def graph(
    title: str,
    left: Iterable[cloudwatch.IMetric],
    *,
    right: Iterable[cloudwatch.IMetric] = (),
    annotations: Iterable[cloudwatch.HorizontalAnnotation] = (),
    stacked: bool = False,
) -> cloudwatch.GraphWidget:
    """Lines on the left axis, on the right one where their unit differs, and horizontal `annotations`."""
    from_zero = cloudwatch.YAxisProps(min=0, show_units=False)
    return cloudwatch.GraphWidget(
        title=title,
        width=FULL_WIDTH // 3,
        height=6,
        left=list(left),
        right=list(right),
        left_annotations=list(annotations),
        left_y_axis=from_zero,
        right_y_axis=from_zero,
        stacked=stacked,
    )
