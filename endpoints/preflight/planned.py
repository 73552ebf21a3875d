"""What a deploy of an environment would create, read from its synthesised templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from endpoints.catalogue import Candidate, Catalogue, Environment, UseCase
from endpoints.locks import Lock, LockedSnapshot
from endpoints.naming import endpoint_name
from endpoints.preflight.template_values import as_list, literal_text
from endpoints.templates import (
    CONFIG,
    ENDPOINT,
    MODEL,
    TARGET,
    Properties,
    Template,
    instance_types,
    referenced,
    resources_of,
)

_S3_URI = re.compile(r"s3://[^/]*/(?P<prefix>.+?)/?")


@dataclass(frozen=True, kw_only=True)
class PlannedModel:
    """One `AWS::SageMaker::Model`. `weights_prefix` is the key in the weights' bucket, without a slash at its end;
    `role_id` the logical id of its execution role, None when that is not in the template.
    """

    where: str
    image: str
    environment: Properties
    weights_prefix: str | None
    role_id: str | None


@dataclass(frozen=True, kw_only=True)
class PlannedVariant:
    """One production variant. The first of `instance_types` is what is meant, the others stand in for it when it
    is not to be had. `count` is the initial number of instances, `count_min` and `count_max` the bounds of scaling.
    """

    where: str
    name: str
    model: PlannedModel | None
    instance_types: tuple[str, ...]
    count: int
    count_min: int
    count_max: int
    host_ami: str | None


@dataclass(frozen=True, kw_only=True)
class PlannedEndpoint:
    """One endpoint with its configuration. `deployment` is its DeploymentConfig, empty when it has none."""

    stack: str
    name: str
    variants: tuple[PlannedVariant, ...]
    volume_key: bool
    retains_variants: bool
    deployment: Properties


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be checked, against what is known about models and instances, and against the environment's lock."""

    catalogue: Catalogue
    environment: Environment
    templates: Mapping[str, Template]
    lock: Lock | None = None

    @cached_property
    def endpoints(self) -> tuple[PlannedEndpoint, ...]:
        """Every endpoint of the environment, in the templates' order."""
        return tuple(
            endpoint for stack, template in self.templates.items() for endpoint in _endpoints(stack, template)
        )

    @cached_property
    def models(self) -> tuple[PlannedModel, ...]:
        """Every model of the environment, in the templates' order."""
        return tuple(
            model for stack, template in self.templates.items() for model in _models(stack, template).values()
        )

    @property
    def variants(self) -> tuple[PlannedVariant, ...]:
        """The variants of every endpoint."""
        return tuple(variant for endpoint in self.endpoints for variant in endpoint.variants)

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Every instance type, each once."""
        return tuple(dict.fromkeys(each for variant in self.variants for each in variant.instance_types))

    @property
    def images(self) -> tuple[str, ...]:
        """Every container image, each once."""
        return tuple(dict.fromkeys(model.image for model in self.models))

    @property
    def weights_prefixes(self) -> tuple[str, ...]:
        """`<repository>/<commit sha>` of every snapshot that a model reads, each once."""
        return tuple(dict.fromkeys(model.weights_prefix for model in self.models if model.weights_prefix))

    @cached_property
    def locked_snapshots(self) -> Mapping[str, LockedSnapshot]:
        """What the lock says of those snapshots, by prefix; one that it does not have is missing."""
        known = {one.key: one for one in self.lock.snapshots if one.revision} if self.lock else {}
        return {prefix: known[prefix] for prefix in self.weights_prefixes if prefix in known}

    @cached_property
    def tags(self) -> Mapping[str, str]:
        """The tagged URI of every image that is pinned by digest, by the URI in the templates."""
        tags = {
            f"{one.image.repository}@{one.image.digest}": f"{one.image.repository}:{one.image.tag}"
            for one in (self.lock.candidates if self.lock else ())
        }
        named = {image: image.rpartition("/") for image in self.images}
        return {
            image: f"{registry}/{tags[name]}" for image, (registry, _, name) in named.items() if name in tags
        }

    @property
    def gated_snapshots(self) -> tuple[str, ...]:
        """Those whose repository is gated, or not known not to be."""
        return tuple(prefix for prefix in self.weights_prefixes if self._may_be_gated(prefix))

    def candidate_of(
        self, endpoint: PlannedEndpoint, variant: PlannedVariant
    ) -> tuple[UseCase, Candidate] | None:
        """What the catalogue means by this variant."""
        for use_case in self.catalogue.use_cases:
            if endpoint_name(self.environment.name, use_case.id) == endpoint.name:
                for candidate in use_case.candidates:
                    if candidate.role == variant.name:
                        return use_case, candidate
        return None

    def _may_be_gated(self, prefix: str) -> bool:
        locked = self.locked_snapshots.get(prefix)
        if locked is not None and locked.gated is not None:
            return locked.gated
        model = self.catalogue.by_model_id.get(repository_of(prefix))
        return model is None or model.licence.gated is not False


def repository_of(weights_prefix: str) -> str:
    """`meta-llama/Llama-3.1-8B-Instruct` of `meta-llama/Llama-3.1-8B-Instruct/<commit sha>`."""
    return weights_prefix.rpartition("/")[0]


def revision_of(weights_prefix: str) -> str:
    """The commit sha at its end."""
    return weights_prefix.rpartition("/")[2]


def _models(stack: str, template: Template) -> dict[str, PlannedModel]:
    return {
        logical_id: _model(f"{stack}/{logical_id}", properties)
        for logical_id, properties in resources_of(template, MODEL).items()
    }


def _model(where: str, properties: Properties) -> PlannedModel:
    container = properties.get("PrimaryContainer", {})
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = _S3_URI.fullmatch(literal_text(source.get("S3Uri")))
    return PlannedModel(
        where=where,
        image=literal_text(container.get("Image")),
        environment=container.get("Environment", {}),
        weights_prefix=uri["prefix"] if uri else None,
        role_id=referenced(properties.get("ExecutionRoleArn")),
    )


def _endpoints(stack: str, template: Template) -> Iterator[PlannedEndpoint]:
    configs = resources_of(template, CONFIG)
    for logical_id, properties in resources_of(template, ENDPOINT).items():
        config = configs.get(referenced(properties.get("EndpointConfigName")) or "", {})
        name = literal_text(properties.get("EndpointName")) or logical_id
        yield PlannedEndpoint(
            stack=stack,
            name=name,
            variants=tuple(
                _variant(stack, name, template, variant) for variant in config.get("ProductionVariants", [])
            ),
            volume_key="KmsKeyId" in config,
            retains_variants=properties.get("RetainAllVariantProperties") is True,
            deployment=properties.get("DeploymentConfig", {}),
        )


def _variant(stack: str, endpoint: str, template: Template, variant: Properties) -> PlannedVariant:
    name = str(variant["VariantName"])
    count = int(variant.get("InitialInstanceCount", 1))
    lowest, highest = _scaling_bounds(template, f"endpoint/{endpoint}/variant/{name}", count)
    return PlannedVariant(
        where=f"{stack}/{name}",
        name=name,
        model=_models(stack, template).get(referenced(variant.get("ModelName")) or ""),
        instance_types=instance_types(variant),
        count=count,
        count_min=lowest,
        count_max=highest,
        host_ami=variant.get("InferenceAmiVersion"),
    )


def _scaling_bounds(template: Template, resource_id: str, count: int) -> tuple[int, int]:
    lows, highs = [count], [count]
    for target in resources_of(template, TARGET).values():
        if literal_text(target.get("ResourceId")) != resource_id:
            continue
        schedule = [
            action.get("ScalableTargetAction", {}) for action in as_list(target.get("ScheduledActions"))
        ]
        lows += [int(bounds["MinCapacity"]) for bounds in (target, *schedule) if "MinCapacity" in bounds]
        highs += [int(bounds["MaxCapacity"]) for bounds in (target, *schedule) if "MaxCapacity" in bounds]
    return min(lows), max(highs)
