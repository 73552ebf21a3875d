"""The closed choices of the catalogue."""

from __future__ import annotations

from enum import StrEnum


class Engine(StrEnum):
    """The inference server in the container."""

    TGI = "tgi"
    VLLM = "vllm"


class CandidateRole(StrEnum):
    """What a candidate is to its use case; also the name of its production variant, which outlives models."""

    PRIMARY = "primary"
    ALTERNATIVE = "alternative"


class Quantisation(StrEnum):
    """How weights are stored or loaded; the values are those of TGI's `--quantize`, save `none`."""

    NONE = "none"
    AWQ = "awq"
    GPTQ = "gptq"
    EETQ = "eetq"
    BITSANDBYTES_NF4 = "bitsandbytes-nf4"

    @property
    def on_load(self) -> bool:
        """True when the engine itself quantises 16-bit weights while it loads them."""
        return self in (Quantisation.EETQ, Quantisation.BITSANDBYTES_NF4)

    @property
    def stored(self) -> bool:
        """True when the weights on disk are already quantised."""
        return self in (Quantisation.AWQ, Quantisation.GPTQ)


class KvCacheDtype(StrEnum):
    """How the key-value cache is stored; the values are TGI's and vLLM's own, save `auto` (the weights' type)."""

    AUTO = "auto"
    FP8_E4M3 = "fp8_e4m3fn"
    FP8_E5M2 = "fp8_e5m2"


class Support(StrEnum):
    """How well an engine serves a model."""

    NATIVE = "native"
    FALLBACK = "fallback"  # runs through the Transformers library inside the engine, slower
    CONVERT = "convert"  # only after its files were converted or merged
    NO = "no"
    UNKNOWN = "unknown"  # no source says so either way


class ModelKind(StrEnum):
    """Why a model is in the catalogue."""

    LISTED = "listed"  # named by the source documents
    EMBEDDING = "embedding"  # named by the source documents, makes vectors instead of text
    QUANTISED = "quantised"  # a smaller form of another model
    SUCCESSOR = "successor"  # newer than the source documents


class LicenceClass(StrEnum):
    """What a licence asks of somebody who serves the model commercially."""

    PERMISSIVE = "permissive"  # OSI-approved, no field-of-use limits
    CUSTOM = "custom"  # the maker's own terms: accept, attribute, respect limits of use
    UNKNOWN = "unknown"


class Task(StrEnum):
    """What the source documents recommend a model for."""

    GENERAL = "general"
    STRUCTURED_OUTPUT = "structured-output"
    COMPLEX_REASONING = "complex-reasoning"
    FAST_PROCESSING = "fast-processing"
    MULTILINGUAL = "multilingual"
    FINANCE = "finance"
    EMBEDDINGS = "embeddings"


class Budget(StrEnum):
    """The source documents' cost classes."""

    LOW = "low"
    BALANCED = "balanced"
    QUALITY_FIRST = "quality-first"


class PriceKind(StrEnum):
    """Where a price comes from."""

    LISTED = "listed"  # read in a published SageMaker price
    DERIVED = "derived"  # the EC2 price times SageMaker's published factor
