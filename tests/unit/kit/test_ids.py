"""Identifiers carry what they are made from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.kit.ids import EVENT_SHARDS, Scope, new_message_id, read_message_id, shard_of_account, shard_of_message

MILLIS = st.integers(0, 2**48 - 1)


@given(st.from_regex(r"[0-9]{12}", fullmatch=True), st.sampled_from(["us-east-1", "eu-west-1", "sa-east-1"]), MILLIS)
def test_a_message_id_tells_its_region_its_time_and_its_accounts_shard(account: str, region: str, at: int) -> None:
    message_id = new_message_id(Scope(account, region), at)

    assert len(message_id) == 60
    assert read_message_id(message_id) == (region, at, shard_of_account(account))


def test_the_id_of_a_real_message_is_read() -> None:
    parts = read_message_id("0101015e4fdfdb7f-a3dcaf07-8fb3-459f-9343-7859c0398c3f-000000")

    assert parts is not None
    assert (parts.region, parts.at) == ("us-west-2", 0x015E4FDFDB7F)


@pytest.mark.parametrize("text", ["", "x" * 60, "0101015e4fdfdb7f-a3dcaf07-8fb3-459f-9343-7859c0398c3f-00000"])
def test_other_texts_are_not_message_ids(text: str) -> None:
    assert read_message_id(text) is None


def test_ids_are_not_repeated() -> None:
    scope = Scope("123456789012", "us-east-1")
    made = {new_message_id(scope, 1) for _ in range(10_000)}

    assert len(made) == 10_000
    assert {shard_of_message(message_id) for message_id in made} == set(range(EVENT_SHARDS))
