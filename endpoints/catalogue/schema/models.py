"""Facts about models: what they are, what they need, what one may do with them, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints, computed_field

from endpoints.catalogue.schema.base import CommitSha, NonEmpty, Positive, Record, RepositoryId
from endpoints.catalogue.schema.choices import (
    Budget,
    Engine,
    LicenceClass,
    ModelKind,
    Quantisation,
    Support,
    Task,
)

PERMISSIVE_LICENCES = frozenset({"Apache-2.0", "MIT"})
"""OSI-approved licences among the catalogue's; every other known licence is its maker's own."""

LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Stars = Annotated[int, Field(ge=1, le=5)]
Month = Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2})?$")]


class Revision(Record):
    """The pinned commit. `seen_in` counts independent public files that name the model with this commit."""

    sha: CommitSha | None
    seen_in: Annotated[int, Field(ge=0)]
    source: NonEmpty
    older: tuple[NonEmpty, ...] = ()
    notes: tuple[NonEmpty, ...] = ()


class Architecture(Record):
    """Fields of the model's config.json; null where no source gives one."""

    classes: tuple[NonEmpty, ...]
    layers: Positive | None = None
    encoder_layers: Positive | None = None
    hidden_size: Positive | None = None
    attention_heads: Positive | None = None
    kv_heads: Positive | None = None
    head_dim: Positive | None = None
    vocabulary_size: Positive | None = None
    intermediate_size: Positive | None = None
    context_tokens: Positive | None = None
    sliding_window_tokens: Positive | None = None
    dtype: NonEmpty | None = None
    tied_embeddings: bool | None = None
    embedding_dimensions: Positive | None = None
    kv_bytes_per_token_16bit: Positive | None = Field(
        default=None, description="2 x layers x kv heads x head_dim x 2 bytes, before tensor parallel split"
    )
    details: Mapping[str, str] = Field(default_factory=dict)
    source: NonEmpty


class Parameters(Record):
    """Parameter counts. `total` must be in memory; `active` are used per token (mixture of experts)."""

    total: Positive | None
    active: Positive | None = None
    experts: Positive | None = None
    experts_per_token: Positive | None = None
    base_total: Positive | None = Field(
        default=None, description="of the model this is a form or an adapter of"
    )
    adapter: Positive | None = None
    weights_gb_16bit: Annotated[float, Field(gt=0)] | None = None
    notes: tuple[NonEmpty, ...] = ()
    source: NonEmpty


class Licence(Record):
    """`id` is an SPDX id, a Hub tag or a LicenseRef; `base_terms` the base model's, where they bind too."""

    id: NonEmpty | None
    gated: bool | None
    base_terms: NonEmpty | None = None
    hub_tag: NonEmpty | None = None
    warning: NonEmpty | None = None
    source: NonEmpty
    gated_source: NonEmpty

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know decorated properties
    @property
    def kind(self) -> LicenceClass:
        """Permissive, custom or unknown; a permissive tag on top of a restrictive base is custom."""
        if self.id is None:
            return LicenceClass.UNKNOWN
        permissive = self.id in PERMISSIVE_LICENCES and self.base_terms is None
        return LicenceClass.PERMISSIVE if permissive else LicenceClass.CUSTOM

    @property
    def permissive(self) -> bool | None:
        """None when the licence is not known."""
        return None if self.kind is LicenceClass.UNKNOWN else self.kind is LicenceClass.PERMISSIVE


class Languages(Record):
    """Languages that the maker names, as ISO 639 codes, and what the maker claims beyond them."""

    codes: tuple[LanguageCode, ...]
    claim: NonEmpty | None = None
    source: NonEmpty | None

    @property
    def multilingual(self) -> bool | None:
        """More than one language, named or claimed; None when no source says anything."""
        if not self.codes and self.claim is None:
            return None
        return len(self.codes) > 1 or self.claim is not None


class Released(Record):
    """`2024-07`, or a year where the month is not known."""

    month: Month | None
    source: NonEmpty


class EngineSupport(Record):
    """How an engine serves the model, from which engine version, and what to know about it."""

    level: Support
    since_version: NonEmpty | None = None
    note: NonEmpty | None = None


class StoredQuantisation(Record):
    """What the repository's weights are already quantised with, as its config says."""

    method: NonEmpty
    details: NonEmpty | None = None

    @property
    def choice(self) -> Quantisation | None:
        """The engines' flag for it, or None when they have none (mxfp4 is read from the config)."""
        return next((choice for choice in Quantisation if choice.stored and choice == self.method), None)


class OtherForm(Record):
    """A known form of this model that the catalogue does not offer, and why."""

    model_id: RepositoryId
    revision: NonEmpty | None
    note: NonEmpty


class Download(Record):
    """Size of the repository's weights: decimal gigabytes."""

    gb: Annotated[float, Field(gt=0)]
    source: NonEmpty


class Guidance(Record):
    """The source documents' opinion of a model: stars from 1 to 5, their cost class, and figures nobody checked."""

    best_for: NonEmpty
    tasks: tuple[Task, ...]
    speed_stars: Stars | None = None
    quality_stars: Stars | None = None
    budget: Budget | None = None
    unverified: tuple[NonEmpty, ...] = ()
    source: NonEmpty


class ModelFacts(Record):
    """One repository on the Hub: `model_id` as source documents name it, `canonical_id` as the Hub does."""

    model_id: RepositoryId
    canonical_id: RepositoryId
    also_known_as: tuple[RepositoryId, ...] = ()
    kind: ModelKind
    revision: Revision
    architecture: Architecture
    parameters: Parameters
    licence: Licence
    languages: Languages
    released: Released
    engines: Mapping[Engine, EngineSupport]
    quantised_form_of: RepositoryId | None = None
    quantisation: StoredQuantisation | None = None
    download: Download | None = None
    weights_format: NonEmpty | None = None
    other_forms: tuple[OtherForm, ...] = ()
    guidance: Guidance | None = None
    notes: tuple[NonEmpty, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that means this repository, the canonical one first."""
        return tuple(dict.fromkeys((self.canonical_id, self.model_id, *self.also_known_as)))

    def support(self, engine: Engine) -> EngineSupport:
        """How `engine` serves this model; `unknown` when no source says so."""
        return self.engines.get(engine, EngineSupport(level=Support.UNKNOWN))
