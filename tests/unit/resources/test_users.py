"""Who may be a user of the pages, and what is kept of them."""

import pytest

from pillarbox.kit.errors import Invalid
from pillarbox.resources import sessions, users
from pillarbox.resources.sessions import Person
from pillarbox.resources.users import Role, hashed, is_password
from pillarbox.store.engine import Store
from pillarbox.store.users import UserRow
from tests.support.filled import NOON

ADA = UserRow("ada", "hash", "member", "", "", "", NOON)


def test_a_password_is_kept_as_a_hash_that_only_it_fits() -> None:
    kept = hashed("correct horse")
    assert kept.startswith("$argon2id$") and "correct" not in kept
    assert is_password("correct horse", kept)
    assert not is_password("correct horsf", kept)
    assert not is_password("correct horse", None)
    assert not is_password("correct horse", "no hash at all")


@pytest.mark.parametrize("password", ["", "ninechars", "x" * 257])
def test_a_password_is_neither_short_nor_endless(password: str) -> None:
    with pytest.raises(Invalid):
        hashed(password)


@pytest.mark.parametrize(
    ("name", "role", "account", "region", "tenant"),
    [
        ("", "member", "", "", ""),
        ("a b", "member", "", "", ""),
        ("ada", "king", "", "", ""),
        ("ada", "member", "12", "", ""),
        ("ada", "member", "123456789012", "us-east-1", "acme"),
        ("ada", "customer", "123456789012", "us-east-1", ""),
        ("ada", "customer", "123456789012", "", "acme"),
        ("ada", "customer", "", "us-east-1", "acme"),
    ],
)
def test_what_no_user_can_be(name: str, role: str, account: str, region: str, tenant: str) -> None:
    with pytest.raises(Invalid):
        users.checked(name, role, account, region, tenant)


def test_a_role_may_what_those_below_it_may() -> None:
    assert Role.ADMIN.may(Role.MEMBER) and Role.MEMBER.may(Role.MEMBER) and Role.MEMBER.may(Role.READ_ONLY)
    assert not Role.READ_ONLY.may(Role.MEMBER) and not Role.CUSTOMER.may(Role.READ_ONLY)


async def test_a_user_is_made_once_and_removed_once(store: Store) -> None:
    await store.write(users.create, ADA)
    with pytest.raises(users.UserExists):
        await store.write(users.create, ADA)
    assert await store.read(users.list_all) == [ADA]
    await store.write(users.remove, "ada")
    with pytest.raises(users.UserMissing):
        await store.write(users.remove, "ada")
    with pytest.raises(users.UserMissing):
        await store.write(users.set_password, "ada", "hash")


async def test_a_session_stands_for_a_user_until_it_ends(store: Store) -> None:
    await store.write(users.create, ADA)
    await store.write(sessions.begin, "token", "ada", "", NOON)
    assert await store.read(sessions.person, "token", NOON) == (Person("ada", Role.MEMBER, ""), False)
    assert await store.read(sessions.person, "another", NOON) == (None, False)
    await store.write(sessions.end, "token")
    assert await store.read(sessions.person, "token", NOON) == (None, False)
