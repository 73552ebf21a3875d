"""The candidates: a SageMaker runtime for both, and an OpenAI server for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from benchmarks.faulty.case import Attempt, Case, Role, Script
from benchmarks.faulty.wire import Wire, whole
from benchmarks.gateways.processes import free_port
from tests.faults.upstream import ScriptedSageMaker

ROLES: Sequence[Role] = ("primary", "alternative")
_NO_CASE = "models"


class ScriptedRuntime(ScriptedSageMaker):
    """SageMaker's runtime. A candidate is a variant, or an endpoint of its own whose name ends in its role."""

    def addressed(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str, bool]:
        endpoint, variant, streams = super().addressed(path, headers, body)
        if not variant:
            endpoint, _, variant = endpoint.rpartition("--")
        return endpoint, variant, streams


class ScriptedOpenAI(ScriptedSageMaker):
    """An OpenAI server: the first part of a request's path says whose test it is."""

    def __init__(self, role: Role) -> None:
        super().__init__()
        self._role = role
        self.scripts[_NO_CASE, role] = whole(b'{"object": "list", "data": [{"id": "m", "object": "model"}]}')

    def addressed(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str, bool]:  # noqa: ARG002 - the protocol says it elsewhere
        """What is no chat is LiteLLM, which lists the models of every server when it starts."""
        where, asks_chat = path.split("/")[1], path.endswith("/chat/completions")
        return where if asks_chat else _NO_CASE, self._role, b'"stream":true' in body.replace(b" ", b"")


def place(gateway: str, case: Case) -> str:
    """Where a gateway plays a case: nobody else is asked there."""
    return f"{gateway}--{case.key}"


@dataclass
class Candidates:
    """Both of them, in both protocols. At `nowhere` nobody listens."""

    runtime: ScriptedSageMaker
    servers: Mapping[Role, ScriptedSageMaker]
    nowhere: str

    def server(self, case: Case, role: Role) -> str:
        """The address of the OpenAI server that a candidate is."""
        return self.nowhere if role in case.refused else self.servers[role].url

    def play(self, gateway: str, wire: Wire, case: Case) -> None:
        """From now on."""
        scripts: Mapping[Role, Script | None] = {"primary": case.primary, "alternative": case.alternative}
        for role, script in scripts.items():
            if script is not None:
                scripted = self.runtime if wire is Wire.SAGEMAKER else self.servers[role]
                scripted.scripts[place(gateway, case), role] = script(wire)

    def attempts(self, gateway: str, case: Case, since_s: float) -> list[Attempt]:
        """What they saw of a case, in the order of time."""
        where = place(gateway, case)
        seen = [each for upstream in (self.runtime, *self.servers.values()) for each in upstream.of(where)]
        roles: dict[str, Role] = {role: role for role in ROLES}
        attempts = [Attempt(roles[each.variant], round(each.at_s - since_s, 3)) for each in seen]
        return sorted(attempts, key=lambda attempt: attempt.at_s)


@asynccontextmanager
async def listening() -> AsyncIterator[Candidates]:
    """They answer until the block ends."""
    async with AsyncExitStack() as stack:
        servers: dict[Role, ScriptedSageMaker] = {
            role: await stack.enter_async_context(ScriptedOpenAI(role)) for role in ROLES
        }
        runtime = await stack.enter_async_context(ScriptedRuntime())
        yield Candidates(runtime, servers, f"http://127.0.0.1:{await asyncio.to_thread(free_port)}")
