"""The schema of the catalogue's files: frozen pydantic records, grouped by file."""

from endpoints.catalogue.schema.base import Record
from endpoints.catalogue.schema.choices import (
    Budget,
    CandidateRole,
    Engine,
    LicenceClass,
    ModelKind,
    PriceKind,
    Quantisation,
    Support,
    Task,
)
from endpoints.catalogue.schema.containers import Container
from endpoints.catalogue.schema.environments import HOST, ApiLimits, Environment, FleetBounds, RouterSettings
from endpoints.catalogue.schema.instances import Gpu, InstanceFacts, Price
from endpoints.catalogue.schema.models import (
    Architecture,
    Download,
    EngineSupport,
    Guidance,
    Languages,
    Licence,
    ModelFacts,
    OtherForm,
    Parameters,
    Released,
    Revision,
    StoredQuantisation,
)
from endpoints.catalogue.schema.use_cases import Candidate, RequestLimits, ScalingIntent, UseCase

__all__ = [
    "HOST",
    "ApiLimits",
    "Architecture",
    "Budget",
    "Candidate",
    "CandidateRole",
    "Container",
    "Download",
    "Engine",
    "EngineSupport",
    "Environment",
    "FleetBounds",
    "Gpu",
    "Guidance",
    "InstanceFacts",
    "Languages",
    "Licence",
    "LicenceClass",
    "ModelFacts",
    "ModelKind",
    "OtherForm",
    "Parameters",
    "Price",
    "PriceKind",
    "Quantisation",
    "Record",
    "Released",
    "RequestLimits",
    "Revision",
    "RouterSettings",
    "ScalingIntent",
    "StoredQuantisation",
    "Support",
    "Task",
    "UseCase",
]
