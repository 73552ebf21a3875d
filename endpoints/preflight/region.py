"""Does the region have what the templates name: instance types, and images?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.preflight.gaps import not_checked
from endpoints.preflight.planned import Plan, PlannedVariant
from endpoints.preflight.quotas import quota_name
from endpoints.preflight.snapshot import Fact, Snapshot

INSTANCE_OFFERED: Final = "instance-offered"
IMAGE: Final = "image"


def instances_offered(plan: Plan, snapshot: Snapshot) -> Iterator[Finding]:
    """SageMaker has no API for what it offers where.

    It runs on EC2, so a type that EC2 does not offer in the region is not to be had. The reverse does not hold: where
    Service Quotas lists no quota for the type, SageMaker most likely does not host on it there.
    """
    if snapshot.offered is None:
        what = f"whether {plan.environment.region} offers {', '.join(plan.instance_types)}"
        yield not_checked(INSTANCE_OFFERED, plan.environment.name, what, snapshot, Fact.OFFERED)
        return
    for variant in plan.variants:
        for rank, instance_type in enumerate(variant.instance_types):
            if instance_type not in snapshot.offered:
                yield _not_offered(plan, variant, instance_type, stand_in=rank > 0)
            elif snapshot.quotas is not None and instance_type not in snapshot.quotas:
                yield _without_quota(plan, variant, instance_type)


def images_exist(plan: Plan, snapshot: Snapshot) -> Iterator[Finding]:
    """An image that the region's registry lacks leaves an endpoint in Creating until it times out."""
    for image in plan.images:
        name = image.rpartition("/")[2]
        exists = (snapshot.images or {}).get(image)
        if exists is None:
            yield not_checked(IMAGE, plan.environment.name, f"whether {name} exists", snapshot, Fact.IMAGES)
        elif not exists:
            yield Finding(
                check=IMAGE,
                severity=Severity.BLOCKER,
                where=plan.environment.name,
                found=f"the registry has no image {image}",
                expected="a tag that is published in the region",
                remedy="Lock the images again: python -m tools.lock_containers",
            )


def _not_offered(plan: Plan, variant: PlannedVariant, instance_type: str, *, stand_in: bool) -> Finding:
    return Finding(
        check=INSTANCE_OFFERED,
        severity=Severity.WARNING if stand_in else Severity.BLOCKER,
        where=variant.where,
        found=f"{plan.environment.region} does not offer {instance_type.removeprefix('ml.')}",
        expected="an instance type of the region",
        remedy="Change the candidate's instance_type in use_cases.yaml, or the environment's region.",
    )


def _without_quota(plan: Plan, variant: PlannedVariant, instance_type: str) -> Finding:
    return Finding(
        check=INSTANCE_OFFERED,
        severity=Severity.WARNING,
        where=variant.where,
        found=f'Service Quotas of {plan.environment.region} has no "{quota_name(instance_type)}"',
        remedy="SageMaker may not host on this type there: ask AWS Support, or take another type or region.",
    )
