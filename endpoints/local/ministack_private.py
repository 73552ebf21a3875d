"""Every name of ministack that is not its public interface. The pin in pyproject.toml holds them still.

ministack has no plug-in hook, so three things are reached for: its tables of CloudFormation types, its view
of which stacks are busy, and its services' state. `check_names` names what a new version moved, before
anything runs.

ministack reads its environment when it is imported, so nothing here imports it at module level:
`prepare_environment` comes first.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from endpoints.errors import LocalError
from endpoints.local.settings import ACCOUNT, PROCESS_MARKER, SECRET_ACCESS_KEY, LocalSettings

PINNED_VERSION = "1.5.33"

# Module -> the names of it that this file uses.
NAMES: Mapping[str, tuple[str, ...]] = {
    "ministack.app": ("app", "_get_module", "_state_map", "_build_persistence_save_dict"),
    "ministack.core.persistence": ("_json_default", "_json_object_hook"),
    "ministack.core.lambda_runtime": ("reset",),
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudformation.provisioners": (
        "_RESOURCE_HANDLERS",
        "_REPLACING_PROPERTIES",
        "_STACK_TAG_PROPERTY",
        "_physical_name",
    ),
    "ministack.services.cloudformation.stacks": ("_runs_on_worker_thread",),
}

# What a user's shell may hold that would change ministack: real credentials, and ministack's own switches.
FOREIGN = ("AWS_", "LOCALSTACK_", "MINISTACK_", "LAMBDA_")
SWITCHES = ("AUTH", "EDGE_PORT", "SERVICES", "USE_SSL")

# A change set that nobody executed leaves its stack in this status for good: nothing runs.
_RESTING_IN_PROGRESS = "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class ResourceType:
    """A CloudFormation type as ministack's tables take it. Every handler may block and may raise.

    `create(logical_id, properties, stack_name)` and `update(physical_id, old, new, stack_name)` answer with
    the physical id (what `Ref` gives) and the attributes (what `Fn::GetAtt` gives).
    """

    name: str
    replacing_properties: tuple[str, ...]
    tags_property: str | None
    create: Callable[[str, dict[str, Any], str], tuple[str, dict[str, Any]]]
    update: Callable[[str, dict[str, Any], dict[str, Any], str], tuple[str, dict[str, Any]]]
    delete: Callable[[str, dict[str, Any]], None]


def prepare_environment(settings: LocalSettings) -> None:
    """Set what ministack and its Lambda workers read: loopback only, state at home, no AWS account."""
    for name in [name for name in os.environ if name.startswith(FOREIGN) or name in SWITCHES]:
        del os.environ[name]
    settings.temporary_dir.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        {
            PROCESS_MARKER: str(settings.home),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(settings.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": settings.region,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "0",  # it saves at a clean shutdown only; StateKeeper saves as things change
            "STATE_DIR": str(settings.state_dir),  # Lambda bundles, named by their hash
            "S3_PERSIST": "1",  # objects are written through to the disk
            "S3_DATA_DIR": str(settings.home / "s3"),
            "DOCKER_HOST": f"unix://{settings.home}/no-docker.sock",  # no look for a Docker daemon
            "LAMBDA_EXECUTOR": "local",
            "LAMBDA_WARM_TTL_SECONDS": "60",  # a burst leaves many workers; all but one end after this
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(settings.temporary_dir),
            # What a Lambda worker inherits: its calls come back here, whatever the user's own files say.
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **without_proxy(os.environ),
        }
    )


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """The two spellings of NO_PROXY, with loopback added: a user's proxy cannot reach this machine."""
    given = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    value = ",".join(filter(None, [given, "127.0.0.1", "localhost"]))
    return {"NO_PROXY": value, "no_proxy": value}


def check_names() -> None:
    """Raise `LocalError` naming every private name that the installed ministack does not have."""
    missing = [
        f"{module}.{name}"
        for module, names in NAMES.items()
        for name in names
        if not hasattr(importlib.import_module(module), name)
    ]
    if missing:
        raise LocalError(
            f"ministack {version('ministack')} does not have {', '.join(missing)}",
            remedy=f"Install version {PINNED_VERSION}, or adapt endpoints/local/ministack_private.py.",
        )


def load_app() -> Any:
    """ministack's ASGI application, checked against `NAMES`."""
    check_names()
    return _module("ministack.app").app


def register(types: Iterable[ResourceType]) -> None:
    """Add CloudFormation types. They run on worker threads: waiting does not stop the other services."""
    provisioners = _module("ministack.services.cloudformation.provisioners")
    names = set()
    for type_ in types:
        names.add(type_.name)
        provisioners._RESOURCE_HANDLERS[type_.name] = {
            "create": type_.create,
            "update": type_.update,
            "delete": type_.delete,
        }
        provisioners._REPLACING_PROPERTIES[type_.name] = type_.replacing_properties
        if type_.tags_property:
            provisioners._STACK_TAG_PROPERTY[type_.name] = (type_.tags_property, "list")
    _run_on_worker_threads(names)


def _run_on_worker_threads(names: set[str]) -> None:
    stacks = _module("ministack.services.cloudformation.stacks")
    original = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in names or original(name)


def physical_name(stack_name: str, logical_id: str, *, max_length: int) -> str:
    """The name CloudFormation generates: stack, logical id, random part; new after a replacement."""
    provisioners = _module("ministack.services.cloudformation.provisioners")
    return str(provisioners._physical_name(stack_name, logical_id, max_len=max_length))


def at_rest() -> bool:
    """True when no stack is being created, updated, rolled back or deleted."""
    stacks = _module("ministack.services.cloudformation")._stacks
    # Behind the scoped view: every account and region, not just that of the current request.
    statuses = (stack.get("StackStatus", "") for stack in list(stacks._data.values()))
    return not any(status.endswith("_IN_PROGRESS") and status != _RESTING_IN_PROGRESS for status in statuses)


def collect_state() -> dict[str, Any]:
    """The state of every service that was used, for `json_encoder`."""
    collectors = _module("ministack.app")._build_persistence_save_dict()
    states = {name: collect() for name, collect in collectors.items()}
    return {name: state for name, state in states.items() if state is not None}


def restore_state(states: Mapping[str, Any]) -> None:
    """Put back what `collect_state` gave, read with `json_decoder`."""
    app = _module("ministack.app")
    for name, module_name in app._state_map.items():
        if states.get(name):
            app._get_module(module_name).load_persisted_state(states[name])


def json_encoder(value: Any) -> Any:
    return _module("ministack.core.persistence")._json_default(value)


def json_decoder(value: dict[str, Any]) -> Any:
    return _module("ministack.core.persistence")._json_object_hook(value)


def end_lambda_workers() -> None:
    """End every Lambda worker process and remove its unpacked bundle."""
    _module("ministack.core.lambda_runtime").reset()


def _module(name: str) -> Any:
    return importlib.import_module(name)
