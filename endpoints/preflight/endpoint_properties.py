"""Single properties of endpoints and models that SageMaker refuses, or that do harm later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from endpoints.findings import Finding, Severity
from endpoints.preflight.planned import Plan, PlannedModel
from endpoints.secret_shapes import looks_secret
from endpoints.serving.settings import MAX_VALUE_CHARACTERS, MAX_VARIABLES

VOLUME_KEY: Final = "volume-key"
RETAINED_VARIANTS: Final = "retained-variants"
CONTAINER_ENVIRONMENT: Final = "container-environment"

_TOKEN_NAMES: Final = frozenset(
    {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN", "HF_API_TOKEN"}
)
_SHOWN: Final = "DescribeModel shows a container's environment to everybody who may call it"


def volume_key(plan: Plan) -> Iterator[Finding]:
    """SageMaker refuses a volume key where the volume is the instance's own NVMe."""
    for endpoint in plan.endpoints:
        with_nvme = sorted(
            {
                each
                for variant in endpoint.variants
                for each in variant.instance_types
                if (facts := plan.catalogue.by_instance_type.get(each)) and facts.local_nvme_gb
            }
        )
        if endpoint.volume_key and with_nvme:
            yield Finding(
                check=VOLUME_KEY,
                severity=Severity.BLOCKER,
                where=endpoint.stack,
                found=f"KmsKeyId is set, and {', '.join(with_nvme)} stores on local NVMe",
                expected="no KmsKeyId: local NVMe is encrypted by its hardware",
                remedy="Remove kms_key_id from the endpoint configuration in infra/model_endpoint.py.",
            )


def retained_variants(plan: Plan) -> Iterator[Finding]:
    """Without it an update sets weights and instance counts back under load."""
    for endpoint in plan.endpoints:
        if not endpoint.retains_variants:
            yield Finding(
                check=RETAINED_VARIANTS,
                severity=Severity.BLOCKER,
                where=endpoint.stack,
                found="RetainAllVariantProperties is not true",
                expected="true: an update keeps the weights and instance counts of the running system",
                remedy="Set retain_all_variant_properties=True on the endpoint in infra/model_endpoint.py.",
            )


def container_environment(plan: Plan) -> Iterator[Finding]:
    """SageMaker's limits, and nothing that must not be read by others. Values are never repeated in a finding."""
    for model in plan.models:
        for problem, remedy in _problems(model):
            yield Finding(
                check=CONTAINER_ENVIRONMENT,
                severity=Severity.BLOCKER,
                where=model.where,
                found=problem,
                remedy=remedy,
            )


def _problems(model: PlannedModel) -> Iterator[tuple[str, str]]:
    if len(model.environment) > MAX_VARIABLES:
        yield (
            f"{len(model.environment)} variables; SageMaker takes {MAX_VARIABLES}",
            "Leave out variables that repeat the engine's defaults.",
        )
    for name, value in model.environment.items():
        yield from _problems_of_value(name, value)


def _problems_of_value(name: str, value: Any) -> Iterator[tuple[str, str]]:
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) > MAX_VALUE_CHARACTERS:
        yield (
            f"{name} has {len(text)} characters; SageMaker takes {MAX_VALUE_CHARACTERS}",
            "Shorten it, or put it into a file beside the weights.",
        )
    if looks_secret(text):
        yield f"{name} looks like a secret", f"Remove it: {_SHOWN}. If it is real, revoke it."
    elif "{{resolve:" in text or name in _TOKEN_NAMES:
        yield (
            f"{name} brings a secret into the container",
            f"Remove it: {_SHOWN}. The weights come from S3; no container needs a token.",
        )
