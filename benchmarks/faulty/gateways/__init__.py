"""How each gateway is set up: as its documentation says, with the settings that serve it best in these cases.

gateway   what they have in common
router    this router: one use case per case
litellm   LiteLLM's proxy, twice: in front of SageMaker and in front of OpenAI servers
portkey   Portkey's gateway
envoy     Envoy
"""

from __future__ import annotations

from benchmarks.faulty.gateways.envoy import ENVOY
from benchmarks.faulty.gateways.gateway import Gateway
from benchmarks.faulty.gateways.litellm import LITELLM, LITELLM_OPENAI
from benchmarks.faulty.gateways.portkey import PORTKEY
from benchmarks.faulty.gateways.router import ROUTER

GATEWAYS: tuple[Gateway, ...] = (ROUTER, LITELLM, LITELLM_OPENAI, PORTKEY, ENVOY)
