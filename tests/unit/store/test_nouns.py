"""Limits of what accounts own, kept however many create at once."""

import asyncio

import pytest

from pillarbox.kit.errors import LimitReached
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, contact_lists
from pillarbox.resources.contact_lists import ContactList
from pillarbox.store import nouns
from pillarbox.store.engine import Store
from tests.support.clock import NOON

SCOPE = Scope("123456789012", "us-east-1")


async def test_an_account_that_creates_many_contact_lists_at_once_gets_one(store: Store) -> None:
    made = [store.write(contact_lists.create, SCOPE, ContactList(f"list{number}"), NOON) for number in range(8)]
    outcomes = await asyncio.gather(*made, return_exceptions=True)

    assert [type(one) for one in outcomes if one is not None] == [LimitReached] * 7
    assert await store.read(nouns.count, SCOPE, contact_lists.KIND) == 1


async def test_a_limit_is_reached_exactly_by_many_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration_sets, "MOST_SETS", 5)
    made = [store.write(configuration_sets.create, SCOPE, f"set{number}", NOON) for number in range(12)]
    outcomes = await asyncio.gather(*made, return_exceptions=True)

    assert [type(one) for one in outcomes if one is not None] == [LimitReached] * 7
