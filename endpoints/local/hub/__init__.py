"""A local server that speaks the Hugging Face Hub's HTTP API: `huggingface_hub`'s own client works against it.

Repositories are folders on disk. There are two origins, as on the real Hub: the Hub itself, which knows who asks, and
the CDN, which serves large files to whoever holds a signed link. Faults can be scripted, and every request is kept.
What is not like the real Hub stands in docs/local-hub.md.
"""

from endpoints.local.hub.digests import Digests
from endpoints.local.hub.faults import HubFault, HubFaults
from endpoints.local.hub.files import HubFile
from endpoints.local.hub.pace import Pace
from endpoints.local.hub.readers import HubReader
from endpoints.local.hub.repositories import HubRepository
from endpoints.local.hub.requests import HubRequest, HubRequests, Origin
from endpoints.local.hub.server import HubServer

__all__ = [
    "Digests",
    "HubFault",
    "HubFaults",
    "HubFile",
    "HubReader",
    "HubRepository",
    "HubRequest",
    "HubRequests",
    "HubServer",
    "Origin",
    "Pace",
]
