"""What every record of the catalogue has in common: frozen, nothing unknown, no value bent to fit a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

RepositoryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
"""A model repository on the Hugging Face Hub: `owner/name`."""

CommitSha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""A full git commit: branch names and short hashes move, so they are refused."""

UseCaseId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
"""Lower case words with dashes; 40 characters leave room for the prefix in a 63 character endpoint name."""

Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$")]
"""An AWS region: `us-east-1`."""

InstanceType = Annotated[str, StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]
"""A SageMaker instance type: `ml.g5.xlarge`."""

NonEmpty = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Positive = Annotated[int, Field(gt=0)]


INDEX_PREFIX = "by_"
"""How names of a record's cached indexes begin."""


class Record(BaseModel):
    """A frozen value; unknown fields are errors. Read it with `model_validate_json`, which is strict here."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, and the copy builds its own indexes instead of inheriting stale ones."""
        copied = super().model_copy(update=update, deep=deep)
        for name in [name for name in copied.__dict__ if name.startswith(INDEX_PREFIX)]:
            del copied.__dict__[name]
        return copied
