"""Memory fit and cost, as pure arithmetic on the catalogue."""

from endpoints.sizing.cost import CostRange, EnvironmentCost, UseCaseCost, VariantCost, hourly_cost
from endpoints.sizing.memory import MemoryFit, candidate_fit, memory_fit

__all__ = [
    "CostRange",
    "EnvironmentCost",
    "MemoryFit",
    "UseCaseCost",
    "VariantCost",
    "candidate_fit",
    "hourly_cost",
    "memory_fit",
]
