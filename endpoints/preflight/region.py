"""Does the region have what the templates name: instance types, and images?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from endpoints.findings import Finding, Severity
from endpoints.preflight.account_facts import AccountFacts, Fact
from endpoints.preflight.gaps import not_checked
from endpoints.preflight.planned import Plan, PlannedVariant
from endpoints.preflight.quotas import quota_name

INSTANCE_OFFERED: Final = "instance-offered"
IMAGE: Final = "image"


def instances_offered(plan: Plan, facts: AccountFacts) -> Iterator[Finding]:
    """SageMaker has no API for what it offers where.

    It runs on EC2, so a type that EC2 does not offer in the region is not to be had. The reverse does not hold: where
    Service Quotas lists no quota for the type, SageMaker most likely does not host on it there.
    """
    if facts.offered is None:
        what = f"whether {plan.environment.region} offers {', '.join(plan.instance_types)}"
        yield not_checked(INSTANCE_OFFERED, plan.environment.name, what, facts, Fact.OFFERED)
        return
    for variant in plan.variants:
        for rank, instance_type in enumerate(variant.instance_types):
            if instance_type not in facts.offered:
                yield _not_offered(plan, variant, instance_type, stand_in=rank > 0)
            elif facts.quotas is not None and instance_type not in facts.quotas:
                yield _without_quota(plan, variant, instance_type)


def images_exist(plan: Plan, facts: AccountFacts) -> Iterator[Finding]:
    """An image that the region's registry lacks leaves an endpoint in Creating until it times out."""
    digests = facts.images or {}
    for image in plan.images:
        name = image.rpartition("/")[2]
        if image not in digests:
            yield not_checked(IMAGE, plan.environment.name, f"whether {name} exists", facts, Fact.IMAGES)
        elif digests[image] is None:
            yield Finding(
                check=IMAGE,
                severity=Severity.BLOCKER,
                where=plan.environment.name,
                found=f"the registry has no image {image}",
                expected="an image that is published in the region",
                remedy=_images_remedy(plan, image),
            )
    for image, tagged in plan.tags.items():
        yield from _moved_tag(plan, image, tagged, digests.get(tagged))


def _images_remedy(plan: Plan, image: str) -> str:
    if image in plan.tags:
        return f"Ask the registry again what the tag means: adept lock --env {plan.environment.name} --image-digests"
    return "Lock the images again: python -m tools.lock_containers"


def _moved_tag(plan: Plan, image: str, tagged: str, found: str | None) -> Iterator[Finding]:
    """What runs is what was locked; AWS publishes something else under that tag by now, a patch most likely."""
    locked = image.rpartition("@")[2]
    if found not in (None, locked):
        yield Finding(
            check=IMAGE,
            severity=Severity.WARNING,
            where=plan.environment.name,
            found=f"the tag {tagged.rpartition('/')[2]} means {found} by now",
            expected=f"{locked}, which is locked and will run",
            remedy=f"To take the newer image: adept lock --env {plan.environment.name} --image-digests",
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
