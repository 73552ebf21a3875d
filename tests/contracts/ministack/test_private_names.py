"""What is reached for inside ministack is there, and what is added to it is what AWS publishes."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from endpoints.errors import LocalError
from endpoints.local import ministack_private
from endpoints.local.cloudformation import REPLACING

# ministack patches hypercorn when it is imported: a process of its own keeps that out of the other tests.
CHECK = "from endpoints.local.ministack_private import check_names; check_names()"


def test_every_private_name_is_there() -> None:
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"ministack {version('ministack')} moved something that endpoints/local/ministack_private.py uses "
        f"(written for {ministack_private.PINNED_VERSION}):\n{done.stderr}"
    )


def test_the_installed_version_is_the_pinned_one() -> None:
    assert version("ministack") == ministack_private.PINNED_VERSION


def test_a_moved_name_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a ministack without a name (the standard library stands in for its module)
    monkeypatch.setattr(ministack_private, "NAMES", {"json": ("loads", "_RESOURCE_HANDLERS")})
    # When the names are checked, then the error names it and the pinned version
    with pytest.raises(LocalError, match=r"does not have json\._RESOURCE_HANDLERS") as error:
        ministack_private.check_names()
    assert ministack_private.PINNED_VERSION in str(error.value)


@pytest.mark.parametrize("type_name", REPLACING)
def test_replacing_properties_are_those_of_the_published_schema(type_name: str) -> None:
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_name).schema
    create_only = {path.removeprefix("/properties/") for path in schema["createOnlyProperties"]}
    assert set(REPLACING[type_name]) == create_only
