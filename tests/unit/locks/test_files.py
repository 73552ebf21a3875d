"""Which files of a repository an engine needs, on listings as the Hub gives them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoints.locks import missing_files, selected

MISTRAL = (
    ".gitattributes",
    "README.md",
    "config.json",
    "consolidated.safetensors",
    "generation_config.json",
    "model-00001-of-00003.safetensors",
    "model-00002-of-00003.safetensors",
    "model-00003-of-00003.safetensors",
    "model.safetensors.index.json",
    "params.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer.model.v3",
    "tokenizer_config.json",
)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack", ".onnx", ".gguf")


def test_shards_are_taken_and_the_same_weights_in_the_makers_own_format_are_not() -> None:
    assert selected(MISTRAL) == (
        "config.json",
        "generation_config.json",
        "model-00001-of-00003.safetensors",
        "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors",
        "model.safetensors.index.json",
        "params.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
    )


@pytest.mark.parametrize(
    "path",
    [
        "original/consolidated.00.pth",
        "original/params.json",
        "onnx/config.json",
        "modeling_phi3.py",
        "pytorch_model.bin.index.json",
        "LICENSE",
        "USE_POLICY.md",
        "trainer_state.json",
        "training_args.bin",
    ],
)
def test_what_no_engine_needs_is_left_out(path: str) -> None:
    assert selected([path]) == ()


@pytest.mark.parametrize(
    "path", ["vocab.json", "merges.txt", "chat_template.jinja", "spiece.model", "qwen.tiktoken"]
)
def test_every_kind_of_tokenizer_is_taken(path: str) -> None:
    assert selected([path]) == (path,)


@given(st.text(min_size=1, max_size=30), st.sampled_from(PICKLES))
def test_no_name_brings_a_pickle_in(stem: str, suffix: str) -> None:
    assert selected([f"{stem}{suffix}"]) == ()


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("config.json", "model.safetensors"), ()),
        ((), ("config.json", "*.safetensors")),
        (("config.json", "pytorch_model.bin"), ("*.safetensors",)),
        (
            ("config.json", "model-00001-of-00003.safetensors"),
            ("model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"),
        ),
    ],
)
def test_a_snapshot_that_cannot_be_served_says_what_it_lacks(
    names: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert missing_files(names) == missing
