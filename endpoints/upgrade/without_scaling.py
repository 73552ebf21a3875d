"""A template without the scaling of some variants, and without what hangs on it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from endpoints.errors import DeployError
from endpoints.templates import POLICY, TARGET, Template
from endpoints.verify.resolver import StackValues, resolve

_PLACEHOLDER: Final = re.compile(r"\$\{([^!}.]+)(?:\.[^}]*)?\}")
# What may go for the length of an update. Anything else that hangs on scaling is the user's to decide about.
_MAY_GO: Final = frozenset({TARGET, POLICY, "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"})


def without_scaling(template: Template, resource_ids: Collection[str], values: StackValues) -> Template:
    """`template` without the scalable targets of `resource_ids`, their policies and the alarms that drive these.

    Raises `DeployError` when something that must not be deleted, the endpoint for one, refers to any of them.
    """
    gone = _with_dependents(template, _roots(template, resource_ids, values))
    resources = {name: resource for name, resource in template["Resources"].items() if name not in gone}
    outputs = {
        name: output
        for name, output in template.get("Outputs", {}).items()
        if not gone & set(references(output))
    }
    return {**template, "Resources": resources, **({"Outputs": outputs} if "Outputs" in template else {})}


def references(value: Any) -> Iterator[str]:
    """Logical ids that `value` refers to: Ref, Fn::GetAtt, Fn::Sub and DependsOn."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _named_by(name, item)
            yield from references(item)


def _named_by(name: str, argument: Any) -> Iterator[str]:
    if name == "Ref" and isinstance(argument, str):
        yield argument
    elif name == "Fn::GetAtt":
        yield argument.split(".", 1)[0] if isinstance(argument, str) else str(argument[0])
    elif name == "DependsOn":
        yield from [argument] if isinstance(argument, str) else argument
    elif name == "Fn::Sub":
        yield from _PLACEHOLDER.findall(argument if isinstance(argument, str) else argument[0])


def _roots(template: Template, resource_ids: Collection[str], values: StackValues) -> set[str]:
    """Targets and policies that name one of these variants outright; the rest refers to them."""
    return {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] in (TARGET, POLICY)
        and resolve(resource["Properties"].get("ResourceId", ""), values) in resource_ids
    }


def _with_dependents(template: Template, gone: set[str]) -> set[str]:
    resources: Mapping[str, Mapping[str, Any]] = template["Resources"]
    while more := {
        name for name, item in resources.items() if name not in gone and gone & set(references(item))
    }:
        gone = gone | more
    for name in sorted(gone):
        if resources[name]["Type"] not in _MAY_GO:
            raise DeployError(
                f"{name} ({resources[name]['Type']}) refers to the scaling that an update has to take away meanwhile",
                remedy="Let it not refer to the scalable target, its policies or their alarms; then deploy again.",
            )
    return gone
