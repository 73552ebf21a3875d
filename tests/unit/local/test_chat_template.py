"""Chat templates, as models bring them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endpoints.local.model_server.chat_template import ChatTemplate
from endpoints.local.model_server.engines.base import ChatMessage
from endpoints.local.model_server.errors import TemplateError

MESSAGES: list[ChatMessage] = [{"role": "user", "content": "hi"}]
SOURCE = "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"


def template(directory: Path, **config: Any) -> ChatTemplate:
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    return ChatTemplate(directory)


def test_a_template_of_the_tokenizers_configuration(tmp_path: Path) -> None:
    assert template(tmp_path, chat_template=SOURCE, bos_token="<s>").render(MESSAGES) == "<s>[user]hi"


def test_the_default_of_several_named_templates(tmp_path: Path) -> None:
    named = [{"name": "tools", "template": "no"}, {"name": "default", "template": SOURCE}]
    begin = {"content": "<s>", "lstrip": False}
    assert template(tmp_path, chat_template=named, bos_token=begin).render(MESSAGES) == "<s>[user]hi"


def test_a_template_file_wins(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("file")
    assert template(tmp_path, chat_template=SOURCE).render(MESSAGES) == "file"


def test_a_template_may_refuse_a_conversation_in_its_own_words(tmp_path: Path) -> None:
    source = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(TemplateError, match="Template error: roles must alternate"):
        template(tmp_path, chat_template=source).render(MESSAGES)


def test_a_model_without_a_template_says_so(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="template not found"):
        template(tmp_path).render(MESSAGES)


def test_a_template_cannot_reach_python(tmp_path: Path) -> None:
    with pytest.raises(TemplateError):
        template(tmp_path, chat_template="{{ messages.__class__.__mro__ }}").render(MESSAGES)
