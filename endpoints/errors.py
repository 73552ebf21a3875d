"""The one error tree. Everything a user can cause ends in an `AdeptError`; anything else is a bug.

AdeptError                 what was wrong, where, what to do; `exit_code` for the command line
├── CatalogueError         the catalogue's data or an unknown id in it
├── LockError              a lock file that is missing, wrong in itself, or at odds with the catalogue
├── SettingsError          engine settings that contradict each other
├── LocalError             the embedded AWS or a local model server
│   └── ContainerFailed    a model server did not pass its health check
│       └── ModelDataFailed  what its model names in S3 is not there, or not complete
├── DeployError            synthesising, deploying or proving an environment
│   └── DeployInterrupted  somebody pressed Ctrl-C; exit code 130, as shells say of it
├── StagingError           copying weights into an environment's bucket, or removing them from there
└── RemoteError            an AWS account, the Hub or the router answered with an error, or not at all
"""

from __future__ import annotations


class AdeptError(Exception):
    """Something the user can act on.

    `message` says what was wrong and where; `remedy` says what is allowed or what to do next.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class CatalogueError(AdeptError):
    """Invalid catalogue data (every fault at once), or an id the catalogue does not know."""


class LockError(AdeptError):
    """A lock file that is missing, wrong in itself, or at odds with the catalogue."""


class SettingsError(AdeptError):
    """Engine settings that contradict each other."""


class LocalError(AdeptError):
    """The embedded AWS or a local model server."""


class ContainerFailed(LocalError):
    """A model server did not pass its health check, or refused its environment at start."""


class ModelDataFailed(ContainerFailed):
    """A container's model data is not there, or not complete: it was not started."""


class DeployError(AdeptError):
    """Synthesising, deploying or proving an environment failed."""


class DeployInterrupted(DeployError):
    """Somebody pressed Ctrl-C: the message says what state things are in, the remedy what to run next."""

    exit_code = 130


class StagingError(AdeptError):
    """Weights could not be copied into the bucket or removed from there, or are not what the lock names."""


class RemoteError(AdeptError):
    """An AWS account, the Hub or the router answered with an error, or did not answer."""
