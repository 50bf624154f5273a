"""Digests are those of hashlib, however they are made."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.kit import digest
from tests.support.examples import examples

SIZES = st.one_of(st.sampled_from([0, 1, 2047, 2048, 4094, 65_536, 65_537]), st.integers(0, 70_000))


@settings(max_examples=examples(50), deadline=None)
@given(SIZES, st.binary(min_size=1, max_size=40))
def test_a_digest_is_what_hashlib_makes_at_once(size: int, pattern: bytes) -> None:
    content = (pattern * (size // len(pattern) + 1))[:size]
    assert digest.sha256(content) == hashlib.sha256(content).digest()
    assert digest.blake2b(content, 16) == hashlib.blake2b(content, digest_size=16).digest()
