"""Digests against what git and sha256sum print."""

from __future__ import annotations

import hashlib
from pathlib import Path

import endpoints
from endpoints.weights.digests import Digests, base64_sha256, git_blob_id, sha256_of


def test_pieces_in_order_have_the_digests_of_the_whole() -> None:
    digests = Digests(12)
    for piece in (b"hello ", b"", b"world\n"):
        digests.update(piece)

    assert digests.sha256 == hashlib.sha256(b"hello world\n").hexdigest()
    assert digests.git_blob == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"  # git hash-object


def test_gits_id_is_computed_only_where_it_is_wanted() -> None:
    assert Digests(1, git_blob=False).git_blob is None


def test_s3_writes_sha256_in_base64() -> None:
    assert base64_sha256(b"") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # pragma: allowlist secret


def test_a_whole_file_has_the_same_digests(tmp_path: Path) -> None:
    file = tmp_path / "hello"
    file.write_bytes(b"hello world\n")

    assert git_blob_id(b"hello world\n") == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"
    assert sha256_of(file) == hashlib.sha256(b"hello world\n").hexdigest()


def test_one_module_knows_how_git_names_bytes() -> None:
    package = Path(str(endpoints.__file__)).parent
    knowing = [path for path in package.rglob("*.py") if "blob %d" in path.read_text(encoding="utf-8")]

    assert [str(path.relative_to(package)) for path in knowing] == ["weights/digests.py"]
