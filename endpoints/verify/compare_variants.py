"""Variants: image, weights, environment, host AMI, instances. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from endpoints.findings import Finding, Severity
from endpoints.verify.intent import EndpointIntent, VariantIntent
from endpoints.verify.live import LiveEndpoint, LiveVariant
from endpoints.verify.resolver import Unresolved

_WEIGHT_TOLERANCE: Final = 1e-6


def compare_variants(environment: str, intent: EndpointIntent, live: LiveEndpoint) -> Iterator[Finding]:
    """Findings about the variants of one endpoint."""
    remedy = f"adept deploy --env {environment}"
    for meant in intent.variants:
        running = live.variant(meant.name)
        if running is None:
            where = f"{intent.endpoint_name}/{meant.name}"
            yield _blocker("variant-missing", where, "the variant does not run", "a running variant", remedy)
        else:
            yield from _variant(f"{intent.endpoint_name}/{meant.name}", meant, running, remedy)
            yield from _counts(intent, meant, running)
    for running in live.variants:
        if intent.variant(running.name) is None:
            where = f"{intent.endpoint_name}/{running.name}"
            yield _blocker(
                "variant-unmeant", where, "runs (and costs), but is not meant to", "no variant", remedy
            )
    yield from _digests(live)


def _variant(where: str, meant: VariantIntent, running: LiveVariant, remedy: str) -> Iterator[Finding]:
    pairs: dict[str, tuple[object, object]] = {
        "image": (running.image, meant.container.image),
        "model-data": (running.model_data, meant.container.model_data),
        "host-ami": (running.host_ami, meant.host_ami),
        "instance-type": (running.instance_types, meant.instance_types),
    }
    for check, (found, expected) in pairs.items():
        if found != expected and not isinstance(expected, Unresolved):
            yield _blocker(check, where, _text(found), _text(expected), remedy)
    yield from _environment(where, meant.container.environment, running.environment, remedy)
    if abs(running.desired_weight - meant.weight) > _WEIGHT_TOLERANCE:
        yield Finding(
            check="weight-drift",
            severity=Severity.NOTE,
            where=where,
            found=f"weight {running.desired_weight:g}",
            expected=f"initially {meant.weight:g}; weights belong to the running system",
        )


def _environment(
    where: str, meant: Mapping[str, Any], running: Mapping[str, str], remedy: str
) -> Iterator[Finding]:
    for name in sorted({*meant, *running}):
        expected, found = meant.get(name), running.get(name)
        if isinstance(expected, Unresolved) or found == (None if expected is None else str(expected)):
            continue
        yield _blocker("environment", where, f"{name}={_text(found)}", f"{name}={_text(expected)}", remedy)


def _counts(intent: EndpointIntent, meant: VariantIntent, running: LiveVariant) -> Iterator[Finding]:
    where = f"{intent.endpoint_name}/{meant.name}"
    target = intent.target(meant.name)
    bounds = target.allowed_bounds if target else {(meant.initial_count, meant.initial_count)}
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    if not low <= running.desired_count <= high:
        yield Finding(
            check="instance-count",
            severity=Severity.WARNING,
            where=where,
            found=f"{running.desired_count} instances are wanted",
            expected=f"{low}" if low == high else f"{low}-{high}",
            remedy="Somebody set it by hand, or scaling has not caught up yet; see its scaling activities.",
        )
    if running.current_count < running.desired_count:
        yield Finding(
            check="instances-missing",
            severity=Severity.WARNING if running.current_count else Severity.BLOCKER,
            where=where,
            found=f"{running.current_count} of {running.desired_count} instances run",
            expected=f"{running.desired_count}",
            remedy=f"Its containers' logs: aws logs tail /aws/sagemaker/Endpoints/{intent.endpoint_name} --since 1h",
        )


def _digests(live: LiveEndpoint) -> Iterator[Finding]:
    """A tag can be moved; what was pulled cannot. Each image must have become one digest, of its own repository."""
    digests: dict[str, set[str]] = {}
    for variant in live.variants:
        if variant.image is None or variant.resolved_image is None:
            continue
        digests.setdefault(variant.image, set()).add(variant.resolved_image)
        pinned = variant.image if "@" in variant.image else _repository(variant.image)
        if not variant.resolved_image.startswith(pinned):
            yield _blocker(
                "image-digest",
                f"{live.name}/{variant.name}",
                f"SageMaker pulled {variant.resolved_image}",
                f"an image of {pinned}",
                "Look at who publishes that repository before you trust this endpoint; then deploy again.",
            )
    for image, resolved in digests.items():
        if len(resolved) > 1:
            yield Finding(
                check="image-digest",
                severity=Severity.WARNING,
                where=live.name,
                found=f"one tag, {len(resolved)} images: {', '.join(sorted(resolved))}",
                expected=f"one image behind {image}",
                remedy="The tag was moved between two deployments: deploy again so that every variant runs the same.",
            )


def _repository(image: str) -> str:
    head, _, last = image.rpartition("/")
    return f"{head}/{last.split(':', 1)[0]}" if head else last.split(":", 1)[0]


def _text(value: object) -> str:
    if value is None or value == ():
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _blocker(check: str, where: str, found: str, expected: str, remedy: str) -> Finding:
    return Finding(
        check=check, severity=Severity.BLOCKER, where=where, found=found, expected=expected, remedy=remedy
    )
