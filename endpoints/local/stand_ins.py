"""What stands in for each role's models on this machine, as the lock of the local environment names it."""

from __future__ import annotations

from endpoints.catalogue import CandidateRole
from endpoints.local.model_source import TINY_SEEDS
from endpoints.local.tiny_model import tiny_revision
from endpoints.locks import StandIn, StandIns


def tiny_stand_ins() -> StandIns:
    """The models that the project builds itself: what the committed lock of the local environment names."""
    return {
        CandidateRole(role): StandIn.named(f"adept/tiny-{seed}", tiny_revision(seed))
        for role, seed in TINY_SEEDS.items()
    }
