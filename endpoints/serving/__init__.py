"""Engine settings as values, and the container environment that follows from a candidate. Pure."""

from endpoints.serving.candidates import HubSource, container_environment, settings_for
from endpoints.serving.settings import WEIGHTS_PATH
from endpoints.serving.tgi import TgiSettings
from endpoints.serving.vllm import VllmSettings

__all__ = [
    "WEIGHTS_PATH",
    "HubSource",
    "TgiSettings",
    "VllmSettings",
    "container_environment",
    "settings_for",
]
