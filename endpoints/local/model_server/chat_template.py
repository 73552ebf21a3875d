"""Render a conversation with the model's own chat template, as transformers and TGI do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import TemplateError as JinjaError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from endpoints.local.model_server.engines.base import ChatMessage
from endpoints.local.model_server.errors import TemplateError


class ChatTemplate:
    """A model directory's chat template. Templates come with models, so they run in a sandbox."""

    def __init__(self, directory: Path) -> None:
        config = _read_json(directory / "tokenizer_config.json")
        source = _source(directory, config)
        self.begin = _special(config, "bos_token")
        self.end = _special(config, "eos_token")
        self._variables = {"bos_token": self.begin, "eos_token": self.end}
        self._template = None if source is None else _environment().from_string(source)

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """The prompt, ready for the assistant's answer. Raises `TemplateError` with the template's own words."""
        if self._template is None:
            raise TemplateError("template not found")
        try:
            return self._template.render(
                messages=list(messages), add_generation_prompt=True, tools=None, **self._variables
            )
        except JinjaError as error:
            raise TemplateError(str(error)) from error


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = lambda pattern: datetime.now().astimezone().strftime(pattern)
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(
        value, ensure_ascii=False, indent=indent
    )
    return environment


def _raise_exception(message: str) -> None:
    raise JinjaError(message)


def _source(directory: Path, config: dict[str, Any]) -> str | None:
    """From chat_template.jinja, or tokenizer_config.json (one template, or several by name)."""
    file = directory / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    source = config.get("chat_template")
    if isinstance(source, list):
        return next((entry["template"] for entry in source if entry["name"] == "default"), None)
    return source


def _special(config: dict[str, Any], name: str) -> str:
    token = config.get(name) or ""
    return str(token["content"] if isinstance(token, dict) else token)


def _read_json(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return content
