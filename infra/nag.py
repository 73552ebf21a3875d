"""Acknowledged findings of cdk-nag and checkov: each with its reason, at the construct it is about."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Acknowledgment, CfnResource, Stack, Token, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons_by_rule: Mapping[str, str]) -> None:
    """Keep these rules from reporting `construct` and what lies below it."""
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=rule, reason=reason) for rule, reason in reasons_by_rule.items())
    )


def acknowledge_checkov(construct: IConstruct, reasons_by_check: Mapping[str, str]) -> None:
    """Keep these checks of checkov from reporting `construct`'s resource; the template's metadata says why."""
    resource = construct if isinstance(construct, CfnResource) else construct.node.default_child
    assert isinstance(resource, CfnResource)  # noqa: S101 - every L2 construct has its resource there
    skipped = [{"id": check, "comment": reason} for check, reason in reasons_by_check.items()]
    resource.add_metadata("checkov", {"skip": skipped})


def as_nag_prints(stack: Stack, arn: str) -> str:
    """`arn` as it stands in the id of a finding, where an account that is not known yet is a placeholder."""
    return arn.replace(stack.account, "<AWS::AccountId>") if Token.is_unresolved(stack.account) else arn
