"""From an environment's name to its stacks. One path for every environment; no AWS call, no credentials."""

from __future__ import annotations

import os
from pathlib import Path

from aws_cdk import App, Environment, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from endpoints.catalogue import Catalogue, load_catalogue
from endpoints.catalogue import Environment as AdeptEnvironment
from endpoints.errors import CatalogueError
from endpoints.locks import LOCAL_LOCK, Lock, locked, read_lock
from endpoints.naming import stack_name
from infra.endpoint_stack import EndpointStack
from infra.foundation_stack import FoundationStack
from infra.operations_stack import OperationsStack
from infra.router_stack import RouterStack
from infra.tagging import tag


def synthesise() -> None:
    """What the CDK CLI runs: the environment named in its context, written to its output folder."""
    app = App()
    build_environment(app)
    app.synth()


def build_environment(app: App, catalogue: Catalogue | None = None, lock: Lock | None = None) -> list[Stack]:
    """Add the stacks of the environment that `-c environment=NAME` names to `app`, as its lock file fixes them.

    Raises `CatalogueError` when the name is missing or unknown, `LockError` when there is no lock or it disagrees with
    the catalogue.
    """
    catalogue = catalogue or load_catalogue()
    environment = _requested_environment(app, catalogue)
    lock = lock or _lock(environment)
    stacks = _stacks(app, locked(catalogue, environment, lock), environment, lock)
    _tag(stacks, environment)
    if app.node.try_get_context("nag"):
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return stacks


def _lock(environment: AdeptEnvironment) -> Lock:
    local = os.environ.get(LOCAL_LOCK) if environment.embedded else None
    return read_lock(environment.name, Path(local) if local else None)


def _requested_environment(app: App, catalogue: Catalogue) -> AdeptEnvironment:
    name = app.node.try_get_context("environment")
    if name is None:
        names = ", ".join(known.name for known in catalogue.environments)
        raise CatalogueError(
            "no environment was named",
            remedy=f"Pass one: cdk synth -c environment=NAME, where NAME is one of {names}.",
        )
    return catalogue.environment(name)


def _stacks(app: App, catalogue: Catalogue, environment: AdeptEnvironment, lock: Lock) -> list[Stack]:
    env = _cdk_environment(environment)
    foundation = FoundationStack(
        app, stack_name(environment.name, "foundation"), environment=environment, env=env
    )
    use_cases = [
        EndpointStack(
            app,
            stack_name(environment.name, use_case.id),
            catalogue=catalogue,
            environment=environment,
            use_case=use_case,
            lock=lock,
            weights=foundation.weights,
            stager=foundation.stager,
            alerts=foundation.alerts,
            env=env,
        )
        for use_case in catalogue.use_cases
    ]
    router = RouterStack(
        app,
        stack_name(environment.name, "router"),
        catalogue=catalogue,
        environment=environment,
        env=env,
    )
    operations = OperationsStack(
        app,
        stack_name(environment.name, "operations"),
        catalogue=catalogue,
        environment=environment,
        alerts=foundation.alerts,
        env=env,
    )
    return [foundation, *use_cases, router, operations]


def _cdk_environment(environment: AdeptEnvironment) -> Environment:
    # The account is whichever the CLI has credentials for; without credentials the templates stay
    # account-agnostic, so synth never needs any.
    return Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=environment.region)


def _tag(stacks: list[Stack], environment: AdeptEnvironment) -> None:
    for stack in stacks:
        tag(stack, "environment", environment.name)
