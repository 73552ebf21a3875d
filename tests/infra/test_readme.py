"""README shows what `make demo` prints; this is the part of it that the templates decide."""

from __future__ import annotations

import re
from pathlib import Path

from tests.infra.conftest import templates

README = Path(__file__).parents[2] / "README.md"


def test_the_stacks_of_the_demo_have_as_many_resources_as_readme_shows() -> None:
    shown = re.findall(
        r"^  (adept-local-\S+) +new: (\d+) resources$", README.read_text("utf-8"), re.MULTILINE
    )

    assert {name: int(count) for name, count in shown} == {
        name: len(template["Resources"]) for name, template in templates("local").items()
    }
