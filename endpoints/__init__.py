"""AdeptAI endpoints: language-model use cases on Amazon SageMaker.

from endpoints import ModelUseCase, get_huggingface_model_id, get_model_for_use_case
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from endpoints.catalogue.selection import (
        ModelUseCase,
        SelectedModel,
        get_huggingface_model_id,
        get_model_for_use_case,
    )

__all__ = ["ModelUseCase", "SelectedModel", "get_huggingface_model_id", "get_model_for_use_case"]


def __getattr__(name: str) -> Any:
    """Public names are imported on first use: the model servers import this package and need no catalogue."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from endpoints.catalogue import selection

    return getattr(selection, name)
