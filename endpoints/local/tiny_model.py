"""A language model of a few megabytes that the project builds itself, for when no real one can be had.

**Its text means nothing.** It is a Llama of one layer whose weights are computed, not trained. Embeddings
and output matrix hold the bigrams of a made-up corpus; the attention layer averages what was already said so
that the output matrix can lower those words' scores (without that, greedy decoding would go round in circles
and never stop). Everything around it is real: tokenizer, chat template, safetensors, sampling.

The hidden state has three parts: the current token's bigram features, a random code that identifies it, and
room for the average code of the text so far.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from endpoints.local.tiny_corpus import sentences

RECIPE_VERSION: Final = 1  # part of the cache key: raise it when the weights would come out differently
VOCABULARY_SIZE: Final = 768
BIGRAM_SIZE: Final = 256
CODE_SIZE: Final = 128
HIDDEN_SIZE: Final = BIGRAM_SIZE + 2 * CODE_SIZE
HEADS: Final = 8
INTERMEDIATE_SIZE: Final = 32  # the MLP is there because the architecture has one; its weights are zero
MAX_POSITIONS: Final = 32768
UNSEEN_WEIGHT: Final = 0.02  # how often the next word follows overall frequency instead of the bigrams
REPETITION_PENALTY: Final = 60.0  # logits taken from a word that would make up all of the text so far
END_OF_SENTENCE_SHARE: Final = 0.35  # how often a full stop ends the answer

BEGIN: Final = "<|begin|>"
END: Final = "<|end|>"
CHAT_TEMPLATE: Final = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n"
    "{% endfor %}{% if add_generation_prompt %}assistant:\n{% endif %}"
)

Matrix = NDArray[np.float64]


def tiny_model(cache_dir: Path, *, seed: int) -> Path:
    """The model's directory under `cache_dir`, built in about a second when it is not there yet.

    Concurrent builds are safe: each writes its own directory, the first rename wins.
    """
    target = cache_dir / f"tiny-{seed}-{_recipe_hash(seed)}"
    if (target / "model.safetensors").exists():
        return target
    cache_dir.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".tiny-", dir=cache_dir))
    try:
        _write(draft, seed)
        _publish(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def tiny_revision(seed: int) -> str:
    """40 hexadecimal digits of the recipe, which stand for a commit: known without a build, equal on every machine."""
    return _recipe_digest(seed)[:40]


def _publish(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError:
        if not (target / "model.safetensors").exists():  # not merely another process that was faster
            raise


def _recipe_hash(seed: int) -> str:
    return _recipe_digest(seed)[:12]


def _recipe_digest(seed: int) -> str:
    recipe = [
        RECIPE_VERSION,
        MAX_POSITIONS,
        VOCABULARY_SIZE,
        BIGRAM_SIZE,
        CODE_SIZE,
        UNSEEN_WEIGHT,
        REPETITION_PENALTY,
        END_OF_SENTENCE_SHARE,
        CHAT_TEMPLATE,
        sentences(seed),
    ]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()


def _write(directory: Path, seed: int) -> None:
    text = sentences(seed)
    tokenizer = _train_tokenizer(text)
    tokenizer.save(str(directory / "tokenizer.json"))
    _write_json(directory / "config.json", _config(tokenizer))
    _write_json(directory / "generation_config.json", _special_ids(tokenizer))
    _write_json(directory / "tokenizer_config.json", _tokenizer_config())
    save_file(_weights(tokenizer, text, seed), directory / "model.safetensors", metadata={"format": "pt"})


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + os.linesep, encoding="utf-8")


def _train_tokenizer(text: list[str]) -> Tokenizer:
    """Byte-level BPE: any input has tokens, and the corpus' words are one token each."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[AddedToken(BEGIN, special=True), AddedToken(END, special=True)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*text, "system: user: assistant:\n"], trainer)
    return tokenizer


def _special_ids(tokenizer: Tokenizer) -> dict[str, object]:
    return {"bos_token_id": tokenizer.token_to_id(BEGIN), "eos_token_id": tokenizer.token_to_id(END)}


def _config(tokenizer: Tokenizer) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": HIDDEN_SIZE,
        "intermediate_size": INTERMEDIATE_SIZE,
        "max_position_embeddings": MAX_POSITIONS,
        "num_attention_heads": HEADS,
        "num_hidden_layers": 1,
        "num_key_value_heads": HEADS,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,  # mistralrs wants it at the top level
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "vocab_size": tokenizer.get_vocab_size(),
        **_special_ids(tokenizer),
    }


def _tokenizer_config() -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        "model_max_length": MAX_POSITIONS,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
    }


def _weights(tokenizer: Tokenizer, text: list[str], seed: int) -> dict[str, NDArray[np.float32]]:
    contexts, outcomes = _factorise(_bigram_logits(tokenizer, text))
    codes = _codes(tokenizer.get_vocab_size(), seed)
    room = np.zeros_like(codes)
    embeddings = _unit_rows(np.hstack([_unit_rows(contexts), codes, room]))
    # The norms' scale: the model normalises hidden states to length sqrt(HIDDEN_SIZE).
    scale = np.sqrt(HIDDEN_SIZE / 2)
    lengths = np.linalg.norm(contexts, axis=1).mean()
    output = np.hstack([outcomes * lengths / scale, room, -REPETITION_PENALTY * codes / scale])
    return {name: matrix.astype(np.float32) for name, matrix in _llama(embeddings, output).items()}


def _llama(embeddings: Matrix, output: Matrix) -> dict[str, Matrix]:
    """The tensors of a one-layer Llama whose attention averages the codes of all tokens so far."""
    square, codes = (HIDDEN_SIZE, HIDDEN_SIZE), slice(BIGRAM_SIZE, BIGRAM_SIZE + CODE_SIZE)
    value, into_room = np.zeros(square), np.zeros(square)
    value[codes, codes] = np.eye(CODE_SIZE)
    into_room[BIGRAM_SIZE + CODE_SIZE :, codes] = np.eye(CODE_SIZE) / np.sqrt(HIDDEN_SIZE)
    layer = "model.layers.0."
    return {
        "model.embed_tokens.weight": embeddings,
        "lm_head.weight": output,
        "model.norm.weight": np.ones(HIDDEN_SIZE),
        layer + "input_layernorm.weight": np.ones(HIDDEN_SIZE),
        layer + "post_attention_layernorm.weight": np.ones(HIDDEN_SIZE),
        # Queries and keys of zero give every earlier position the same weight.
        layer + "self_attn.q_proj.weight": np.zeros(square),
        layer + "self_attn.k_proj.weight": np.zeros(square),
        layer + "self_attn.v_proj.weight": value,
        layer + "self_attn.o_proj.weight": into_room,
        layer + "mlp.gate_proj.weight": np.zeros((INTERMEDIATE_SIZE, HIDDEN_SIZE)),
        layer + "mlp.up_proj.weight": np.zeros((INTERMEDIATE_SIZE, HIDDEN_SIZE)),
        layer + "mlp.down_proj.weight": np.zeros((HIDDEN_SIZE, INTERMEDIATE_SIZE)),
    }


def _bigram_logits(tokenizer: Tokenizer, text: list[str]) -> Matrix:
    """log P(next | current), shape (vocabulary, vocabulary), each row centred (softmax ignores a shift)."""
    counts = _bigram_counts(tokenizer, text)
    totals = counts.sum(axis=0)
    overall = (totals + 1e-4) / (totals + 1e-4).sum()
    rows = counts.sum(axis=1, keepdims=True)
    seen = counts / np.maximum(rows, 1)
    share = np.where(rows > 0, UNSEEN_WEIGHT, 1.0)
    logits: Matrix = np.log((1 - share) * seen + share * overall)
    centred: Matrix = logits - logits.mean(axis=1, keepdims=True)
    return centred


def _bigram_counts(tokenizer: Tokenizer, text: list[str]) -> Matrix:
    """How often each token follows each; an answer starts after a line break and ends after a full stop."""
    size, newline = tokenizer.get_vocab_size(), tokenizer.encode("\n").ids[-1]
    counts = np.zeros((size, size))
    for first, second in itertools.pairwise(text):
        ids = tokenizer.encode(f"\n{first} {second}").ids
        np.add.at(counts, (ids[:-1], ids[1:]), 1)
    full_stop, end = tokenizer.encode(".").ids[-1], tokenizer.token_to_id(END)
    share = END_OF_SENTENCE_SHARE
    counts[full_stop, end] = counts[full_stop].sum() * share / (1 - share)
    counts[newline, newline] = 0
    return counts


def _factorise(logits: Matrix) -> tuple[Matrix, Matrix]:
    """contexts @ outcomes.T ≈ logits, each of shape (vocabulary, BIGRAM_SIZE); the least-squares best."""
    left, strengths, right = np.linalg.svd(logits, full_matrices=False)
    return left[:, :BIGRAM_SIZE] * strengths[:BIGRAM_SIZE], right[:BIGRAM_SIZE].T


def _codes(count: int, seed: int) -> Matrix:
    """Random unit vectors that are nearly orthogonal to each other, shape (count, CODE_SIZE)."""
    signs = np.random.default_rng(seed).integers(0, 2, size=(count, CODE_SIZE)) * 2.0 - 1.0
    codes: Matrix = signs / np.sqrt(CODE_SIZE)
    return codes


def _unit_rows(matrix: Matrix) -> Matrix:
    unit: Matrix = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    return unit
