"""Every name of ministack that is not its public interface. The pin in pyproject.toml holds them still.

ministack has no plug-in hook, so five things are reached for: its tables of CloudFormation types, its view
of which stacks are busy, its services' state, its CloudWatch, and its REST APIs (`ministack_apigateway`). `check_names`
names what a new version moved, before anything runs.

ministack reads its environment when it is imported, so nothing here imports it at module level:
`prepare_environment` comes first.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from endpoints.errors import LocalError
from endpoints.local.cloudwatch import Datum
from endpoints.local.settings import ACCOUNT, PROCESS_MARKER, SECRET_ACCESS_KEY, LocalSettings

PINNED_VERSION = "1.5.33"

# Module -> the names of it that this file uses.
NAMES: Mapping[str, tuple[str, ...]] = {
    "ministack.app": ("app", "_get_module", "_state_map", "_build_persistence_save_dict"),
    "ministack.core.persistence": ("_json_default", "_json_object_hook"),
    "ministack.core.lambda_runtime": ("reset", "execution_credentials", "Worker"),
    "ministack.core.responses": ("request_scope", "StreamingResponse"),
    # See ministack_apigateway and ministack_functions.
    "ministack.services.apigateway_v1": (
        "_api_key_from_request",
        "_authorize_request_v1",
        "_build_lambda_event_v1",
        "_extract_lambda_ref_from_integration_uri",
        "_gw_error",
        "_invoke_authorizer_lambda",
        "_invoke_lambda_proxy_v1",
        "_resolve_api_key",
        "_rest_apis",
        "_update_integration",
        "_update_rest_api",
    ),
    "ministack.services.cloudwatch_logs": ("_append_log_events", "_log_groups"),
    "ministack.services.lambda_svc": ("_execute_function_warm", "_get_func_record_for_ref_in_scope"),
    "ministack.services.cloudwatch": (
        "_metrics",
        "_alarms",
        "_composite_alarms",
        "_dims_key",
        "_store_datum",
        "_evaluate_alarm",
        "_set_alarm_state",
        "cloudformation_put_metric_alarm",
        "cloudformation_delete_metric_alarm",
    ),
    # See ministack_objects.
    "ministack.services.s3": ("_get_object", "_read_body", "_object_disk_path"),
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudformation.provisioners": (
        "_RESOURCE_HANDLERS",
        "_REPLACING_PROPERTIES",
        "_STACK_TAG_PROPERTY",
        "_physical_name",
    ),
    "ministack.services.cloudformation.stacks": ("_runs_on_worker_thread",),
}

# What a user's shell may hold that would change ministack: real credentials, and ministack's own switches. And what
# Lambda functions would inherit: the user's token for the Hugging Face Hub, which nothing here may read.
FOREIGN = ("AWS_", "LOCALSTACK_", "MINISTACK_", "LAMBDA_", "HF_", "HUGGING")
SWITCHES = ("AUTH", "EDGE_PORT", "SERVICES", "USE_SSL")

_UNNAMED_ERROR = "Runtime.HandlerError"

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
            "HF_ENDPOINT": settings.hub_endpoint,  # where the stager copies weights from
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
    if states.get("cloudwatch"):
        states["cloudwatch"].pop("metrics", None)  # thousands of points, and new ones in a moment
    return {name: state for name, state in states.items() if state is not None}


def restore_state(states: Mapping[str, Any]) -> None:
    """Put back what `collect_state` gave, read with `json_decoder`."""
    app = _module("ministack.app")
    for name, module_name in app._state_map.items():
        if states.get(name):
            app._get_module(module_name).load_persisted_state(states[name])


def take_over_alarms() -> None:
    """Let ministack evaluate no alarm by itself: it looks at all dimensions of a metric at once. See `alarms`."""
    _cloudwatch()._evaluate_alarm = lambda _alarm: None


def name_lambda_errors() -> None:
    """Let a failed function's `errorType` be its exception's class, as on AWS, where state machines go by it.

    ministack calls every one "Runtime.HandlerError"; the traceback that it logs has the name.
    """
    service = _module("ministack.services.lambda_svc")
    original = service._execute_function_warm

    def named(*arguments: Any, **keywords: Any) -> dict[str, Any]:
        result: dict[str, Any] = original(*arguments, **keywords)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == _UNNAMED_ERROR:
            name = raised_class(str(result.get("log", "")), str(body.get("errorMessage", "")))
            body["errorType"] = name or _UNNAMED_ERROR
        return result

    service._execute_function_warm = named


def raised_class(traceback_text: str, message: str) -> str | None:
    """The class that a traceback ends with (`package.module.Name: message`); None where it is no traceback."""
    last = traceback_text.rstrip("\n").removesuffix(message.rstrip("\n")).rstrip(": \n").rpartition("\n")[2]
    name = last.rpartition(".")[2]
    return name if name.isidentifier() and "Traceback (" in traceback_text else None


def metric_points(
    region: str, namespace: str, name: str, dimensions: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The stored points of exactly that metric. From any thread."""
    with _scope(region):
        return list(_cloudwatch()._metrics.get((namespace, name, _cloudwatch()._dims_key(dimensions))) or ())


def metric_alarms(region: str) -> list[dict[str, Any]]:
    """Copies of every metric alarm of the account and region. From any thread."""
    return [dict(alarm) for alarm in _alarms_of(region, "_alarms")]


def alarm_states(region: str) -> dict[str, str]:
    """StateValue by alarm name, composite alarms included. From any thread."""
    alarms = [*_alarms_of(region, "_alarms"), *_alarms_of(region, "_composite_alarms")]
    return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}


def _alarms_of(region: str, table: str) -> list[dict[str, Any]]:
    # Behind the scoped view, whose iteration another thread may disturb; the ARN tells what is ours.
    prefix = f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:"
    alarms = list(getattr(_cloudwatch(), table)._data.values())
    return [alarm for alarm in alarms if alarm["AlarmArn"].startswith(prefix)]


def put_metric_datum(region: str, datum: Datum) -> None:
    """Store one value. On the event loop, as what follows."""
    with _scope(region):
        _cloudwatch()._store_datum(
            datum.namespace,
            datum.name,
            dict(datum.dimensions),
            datum.at_s,
            datum.unit,
            None,
            [datum.value],
            [datum.count],
            None,
        )


def forget_metrics(region: str, namespaces: tuple[str, ...], *, before_s: float) -> None:
    """Drop the points of some namespaces that are older than that."""
    with _scope(region):
        metrics = _cloudwatch()._metrics
        for key in [key for key in list(metrics.keys()) if key[0] in namespaces]:
            kept = [point for point in metrics[key] if point["Timestamp"] >= before_s]
            if kept:
                metrics[key] = kept
            else:
                del metrics[key]


def put_metric_alarm(region: str, alarm: Mapping[str, Any]) -> None:
    """Create a metric alarm, or replace its configuration: PutMetricAlarm's members."""
    name = alarm["AlarmName"]
    with _scope(region):
        known = _cloudwatch()._alarms.get(name) or {}
        state = {
            key: known[key] for key in ("StateValue", "StateReason", "StateUpdatedTimestamp") if key in known
        }
        now_s = int(time.time())
        record = {
            "AlarmArn": f"arn:aws:cloudwatch:{region}:{ACCOUNT}:alarm:{name}",
            "AlarmDescription": "",
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "StateUpdatedTimestamp": now_s,
            "ActionsEnabled": True,
            "AlarmActions": [],
            "OKActions": [],
            "InsufficientDataActions": [],
            "TreatMissingData": "missing",
            "Unit": None,
            "ExtendedStatistic": None,
            "AlarmConfigurationUpdatedTimestamp": now_s,
        }
        _cloudwatch().cloudformation_put_metric_alarm(record | state | dict(alarm))


def delete_metric_alarm(region: str, name: str) -> None:
    """Unknown names are ignored."""
    with _scope(region):
        _cloudwatch().cloudformation_delete_metric_alarm(name)


def set_alarm_state(region: str, name: str, state: str, reason: str) -> None:
    """SetAlarmState: history, actions and composite alarms follow. An alarm that is gone is ignored."""
    wanted = {"AlarmName": name, "StateValue": state, "StateReason": reason}
    with _scope(region):
        _cloudwatch()._set_alarm_state({}, wanted, False, True)


def _cloudwatch() -> Any:
    return _module("ministack.services.cloudwatch")


def _scope(region: str) -> AbstractContextManager[None]:
    scope: AbstractContextManager[None] = _module("ministack.core.responses").request_scope(ACCOUNT, region)
    return scope


def json_encoder(value: Any) -> Any:
    return _module("ministack.core.persistence")._json_default(value)


def json_decoder(value: dict[str, Any]) -> Any:
    return _module("ministack.core.persistence")._json_object_hook(value)


def end_lambda_workers() -> None:
    """End every Lambda worker process and remove its unpacked bundle."""
    _module("ministack.core.lambda_runtime").reset()


def _module(name: str) -> Any:
    return importlib.import_module(name)
