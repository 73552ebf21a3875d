"""`python -m endpoints.local.model_server --port 4801 --source '{"kind": "directory", ...}'`"""

from __future__ import annotations

import argparse
import logging

import uvicorn

from endpoints.local.model_server.app import ModelServer
from endpoints.local.model_server.engines.base import Engine
from endpoints.local.model_server.engines.openai_engine import OpenAiEngine
from endpoints.local.model_server.parent import exit_with_parent
from endpoints.local.model_source import ModelSource, SourceKind


def main() -> None:
    """Serve until the parent goes away."""
    parser = argparse.ArgumentParser(prog="python -m endpoints.local.model_server", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="loopback port to serve on")
    parser.add_argument("--source", required=True, help="the model, as ModelSource.to_json() writes it")
    arguments = parser.parse_args()
    exit_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").addFilter(_worth_logging)
    engine = build_engine(ModelSource.from_json(arguments.source))
    uvicorn.run(
        ModelServer(engine).app(),
        host="127.0.0.1",
        port=arguments.port,
        log_level="info",
        log_config=None,  # the format above
        timeout_graceful_shutdown=2,
    )


def _worth_logging(record: logging.LogRecord) -> bool:
    """Health checks come several times a second while something waits for them."""
    message = record.getMessage()
    return "/ping " not in message and "GET /status" not in message


def build_engine(source: ModelSource) -> Engine:
    """The engine for a source."""
    if source.kind is SourceKind.OPENAI_URL:
        return OpenAiEngine(source)
    # Here: it needs a wheel that not every platform has, and a server by URL does not.
    from endpoints.local.model_server.engines.mistralrs_engine import MistralrsEngine

    return MistralrsEngine(source)


if __name__ == "__main__":
    main()
