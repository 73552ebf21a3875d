"""The embedded AWS: ministack, SageMaker and Application Auto Scaling behind one ASGI application and one port."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import uvicorn
from starlette.types import Message, Receive, Scope, Send

from endpoints.local import ministack_apigateway
from endpoints.local import ministack_private as ministack
from endpoints.local.alarms import AlarmWatch
from endpoints.local.autoscaling import ApplicationAutoScaling
from endpoints.local.cloudformation import resource_types
from endpoints.local.cloudwatch import TimeScale
from endpoints.local.containers import ContainerHost
from endpoints.local.fault_route import FAULTS_PATH, answer_faults
from endpoints.local.gateway import Gateway
from endpoints.local.lifespan import Lifespan
from endpoints.local.local_hub import LocalHub
from endpoints.local.ministack_cloudwatch import MinistackCloudWatch
from endpoints.local.ministack_functions import runs_under_the_adapter, wait_less_for_logs
from endpoints.local.ministack_objects import read_ranges_from_disk
from endpoints.local.model_servers import LocalContainerHost
from endpoints.local.model_source import NO_MODELS, LocalModels
from endpoints.local.process_usage import ProcessUsage
from endpoints.local.sagemaker import SageMaker
from endpoints.local.sagemaker.asgi import create_app
from endpoints.local.settings import ACCOUNT, LocalSettings
from endpoints.local.state import StateFile, StateKeeper
from endpoints.local.web_functions import WebAdapter

SIGNING_NAMES = ("sagemaker", "application-autoscaling")
SHUTDOWN_GRACE_S = 3  # for requests in flight; `down` waits longer than this

logger = logging.getLogger("endpoints.local")


class EmbeddedAws:
    """All services behind one ASGI application, with their state kept in `settings.home`.

    `prepare_environment` must have been called: ministack reads the environment when it is imported. `models` are on
    its Hub.
    """

    def __init__(self, settings: LocalSettings, host: ContainerHost, models: LocalModels = NO_MODELS) -> None:
        self._settings = settings
        self._host = host
        self._ministack = ministack.load_app()
        ministack.take_over_alarms()
        read_ranges_from_disk()
        ministack.name_lambda_errors()
        wait_less_for_logs()
        ministack_apigateway.take_keys_from_authorizers()
        ministack_apigateway.keep_what_templates_say()
        self._web_functions = WebAdapter(settings.temporary_dir, log_dir=settings.log_dir)
        ministack_apigateway.stream_through(self._web_functions)
        time_scale = TimeScale(settings.time_scale)
        self._cloudwatch = MinistackCloudWatch(settings.region, time_scale)
        self._alarms = AlarmWatch(self._cloudwatch, time_scale)
        self.sagemaker = SageMaker(
            host,
            account=ACCOUNT,
            region=settings.region,
            cloudwatch=self._cloudwatch,
            time_scale=time_scale,
            usages=ProcessUsage(host).by_variant,
        )
        self.autoscaling = ApplicationAutoScaling(self.sagemaker)
        ministack.register(resource_types(self.sagemaker, self.autoscaling))
        self._file = StateFile(
            settings.state_dir / "state.json", encoder=ministack.json_encoder, decoder=ministack.json_decoder
        )
        self._keeper = StateKeeper(self._file, collect=self._collect, at_rest=ministack.at_rest)
        self._hub = LocalHub(settings, models)
        self._services = create_app(self.sagemaker, self.autoscaling)
        self._lifespans = [Lifespan(self._ministack), Lifespan(self._services)]
        self._gateway = Gateway(
            self._ministack,
            dict.fromkeys(SIGNING_NAMES, self._services),
            health=self._health,
            on_change=self._note_change,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"] == FAULTS_PATH:
            await answer_faults(self.sagemaker.faults, scope, receive, send)
        elif self._hub.serves(scope):
            await self._hub(scope, receive, send)
        else:
            await self._gateway(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._start()
        await send(_complete("startup"))
        await receive()
        await self._stop()
        await send(_complete("shutdown"))

    async def _start(self) -> None:
        for lifespan in self._lifespans:
            await lifespan.start()
        self._cloudwatch.bind(asyncio.get_running_loop())
        if document := self._file.read():
            ministack.restore_state(document["ministack"])
            self.sagemaker.restore(document["sagemaker"])
            self.autoscaling.restore(document["autoscaling"])
        self.sagemaker.on_change = self._keeper.note_change
        self.autoscaling.on_change = self._keeper.note_change
        self._keeper.start()
        self._alarms.start()

    async def _stop(self) -> None:
        self._alarms.close()
        await self._web_functions.close()
        self.autoscaling.close()
        await self._keeper.stop()
        for lifespan in reversed(self._lifespans):
            await lifespan.stop()
        self.sagemaker.close()

    def _note_change(self) -> None:
        self._keeper.note_change()
        self._web_functions.end_undeployed(runs_under_the_adapter)

    def end_functions(self) -> None:
        """End every process of a Lambda function at once: what an orderly end left."""
        self._web_functions.kill()
        ministack.end_lambda_workers()

    def _collect(self) -> dict[str, Any]:
        return {
            "ministack": ministack.collect_state(),
            "sagemaker": self.sagemaker.snapshot(),
            "autoscaling": self.autoscaling.snapshot(),
        }

    async def _health(self) -> dict[str, object]:
        return {
            "version": version("adeptai-endpoints"),
            "ministack": ministack.PINNED_VERSION,
            "pid": os.getpid(),
            "home": str(self._settings.home),
            "account": ACCOUNT,
            "region": self._settings.region,
            "endpoints": await asyncio.to_thread(self._endpoints),
            "model_servers": await asyncio.to_thread(_model_servers, self._host),
        }

    def _endpoints(self) -> list[dict[str, object]]:
        return [_endpoint(description) for description in self.sagemaker.describe_endpoints()]


def _endpoint(description: dict[str, Any]) -> dict[str, object]:
    return {
        "name": description["EndpointName"],
        "status": description["EndpointStatus"],
        "failure_reason": description.get("FailureReason"),
        "variants": [
            {
                "name": variant["VariantName"],
                "healthy": variant["CurrentInstanceCount"],
                "desired": variant["DesiredInstanceCount"],
            }
            for variant in description.get("ProductionVariants", [])
        ],
    }


def _model_servers(host: ContainerHost) -> list[dict[str, object]]:
    return [asdict(process) for process in host.status()] if isinstance(host, LocalContainerHost) else []


def _complete(phase: str) -> Message:
    return {"type": f"lifespan.{phase}.complete"}


def serve(
    settings: LocalSettings, host: Callable[[], ContainerHost], models: LocalModels = NO_MODELS
) -> None:
    """Run the embedded AWS until SIGTERM or SIGINT. `host` makes what runs the containers."""
    ministack.prepare_environment(settings)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logger.setLevel(logging.INFO)
    logger.info("serving on %s, home %s", settings.endpoint_url, settings.home)
    # uvicorn raises the signal again once it has shut down; as an exit it lets `finally` run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ExitStack() as stack:
        containers = host()
        stack.callback(containers.close)
        aws = EmbeddedAws(settings, containers, models)
        stack.callback(aws.end_functions)
        uvicorn.run(
            aws,
            host="127.0.0.1",
            port=settings.port,
            lifespan="on",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,  # ministack writes its own, as AWS does
            date_header=False,
            ws="none",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        )
