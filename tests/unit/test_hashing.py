"""Content hashes."""

import hashlib
from pathlib import Path

import pytest

from aj.hashing import canonical, digest, hash_tree, sha256


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert (
        canonical({"b": [1, 2.5, None], "a": "ü"}) == canonical({"a": "ü", "b": [1, 2.5, None]}) == '{"a":"ü","b":[1,2.5,null]}'
    )


def test_canonical_json_refuses_what_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})


def test_a_tree_is_hashed_by_relative_name_without_bytecode(tmp_path: Path) -> None:
    (tmp_path / "b" / "__pycache__").mkdir(parents=True)
    (tmp_path / "b" / "__pycache__" / "x.pyc").write_bytes(b"1")
    (tmp_path / "b" / "two").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"")
    tree = hash_tree(tmp_path)
    assert list(tree) == ["a", "b/two"]
    assert tree["b/two"] == sha256(tmp_path / "b" / "two") == hashlib.sha256(b"2").hexdigest()
    assert hash_tree(tmp_path / "a") == {"a": hashlib.sha256(b"").hexdigest()}


def test_the_digest_changes_with_a_byte_and_with_a_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    before = digest(hash_tree(tmp_path))
    (tmp_path / "a").write_bytes(b"2")
    changed = digest(hash_tree(tmp_path))
    (tmp_path / "a").write_bytes(b"1")
    assert digest(hash_tree(tmp_path)) == before != changed
    (tmp_path / "a").rename(tmp_path / "c")
    assert digest(hash_tree(tmp_path)) != before
