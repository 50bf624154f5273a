"""The MACs are those of the standard library."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.kit.mac import Mac


@given(st.binary(max_size=130), st.binary(max_size=130), st.lists(st.binary(max_size=130), max_size=3))
def test_each_content_has_its_mac(key: bytes, begins: bytes, ends: list[bytes]) -> None:
    assert Mac(key).of_all(begins, ends) == [hmac.digest(key, begins + end, "sha256") for end in ends]
