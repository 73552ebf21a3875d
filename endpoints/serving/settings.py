"""What the settings of every engine share: where weights are, and what SageMaker takes as an environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from endpoints.catalogue.schema import Engine
from endpoints.errors import SettingsError
from endpoints.secret_shapes import looks_secret

WEIGHTS_PATH = "/opt/ml/model"
"""Where SageMaker puts an uncompressed ModelDataSource. The commit is fixed by what was staged there."""

MAX_VARIABLES = 100
MAX_VALUE_CHARACTERS = 1024


def refuse(engine: Engine, contradictions: Iterable[str]) -> None:
    """Raise SettingsError with every contradiction, if there is one."""
    found = tuple(contradictions)
    if found:
        raise SettingsError(
            f"settings of {engine} contradict each other:\n" + "\n".join(f"  {problem}" for problem in found)
        )


def present(values: Mapping[str, object]) -> dict[str, str]:
    """The values that are set, as text."""
    return {name: str(value) for name, value in values.items() if value is not None}


def checked_environment(engine: Engine, environment: dict[str, str]) -> dict[str, str]:
    """The environment itself. Raises SettingsError when it is too large or holds something like a secret."""
    refuse(engine, _unacceptable(environment))
    return environment


def _unacceptable(environment: Mapping[str, str]) -> Iterator[str]:
    if len(environment) > MAX_VARIABLES:
        yield f"{len(environment)} variables; SageMaker takes {MAX_VARIABLES}"
    for name, value in environment.items():
        if len(value) > MAX_VALUE_CHARACTERS:
            yield f"{name} has {len(value)} characters; SageMaker takes {MAX_VALUE_CHARACTERS}"
        if looks_secret(value):
            yield f"{name} looks like a secret; DescribeModel shows a container's environment in the clear"
