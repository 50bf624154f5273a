"""Access keys."""

import re

import pytest

from pillarbox.kit.errors import Invalid, Unavailable
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import credentials
from pillarbox.resources.credentials import CredentialMissing
from pillarbox.store import credentials as rows
from pillarbox.store.engine import Store

NOW = 1_700_000_000_000
KEYRING = Keyring({"1": bytes(32)})


async def test_a_key_pair_has_the_form_of_aws(store: Store) -> None:
    made = await store.write(credentials.create, "111111111111", "jo", KEYRING, NOW)
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", made.key_id)
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", made.secret)


async def test_the_secret_is_kept_sealed_for_its_own_row(store: Store) -> None:
    made = await store.write(credentials.create, "111111111111", "jo", KEYRING, NOW)
    row = await store.read(rows.get, made.key_id)
    assert row is not None
    assert made.secret.encode() not in bytes(row.secret)
    assert await store.read(credentials.load_secret, made.key_id, KEYRING) == made.secret
    with pytest.raises(Unavailable):
        KEYRING.open(row.secret, "AKIAANOTHERROWS00000")


async def test_another_keyring_does_not_open_it(store: Store) -> None:
    made = await store.write(credentials.create, "111111111111", "jo", KEYRING, NOW)
    with pytest.raises(Unavailable):
        await store.read(credentials.load_secret, made.key_id, Keyring({"1": bytes([1] * 32)}))


async def test_a_revoked_key_signs_no_more_and_stays_in_the_list(store: Store) -> None:
    first = await store.write(credentials.create, "111111111111", "jo", KEYRING, NOW)
    second = await store.write(credentials.create, "222222222222", "al", KEYRING, NOW + 1)
    await store.write(credentials.revoke, first.key_id)

    assert await store.read(credentials.load_secret, first.key_id, KEYRING) is None
    assert await store.read(credentials.load_secret, second.key_id, KEYRING) == second.secret
    assert await store.read(credentials.list_all) == [
        (first.key_id, "111111111111", "jo", "revoked", NOW, ""),
        (second.key_id, "222222222222", "al", "active", NOW + 1, ""),
    ]


async def test_an_unknown_key_has_no_secret_and_cannot_be_revoked(store: Store) -> None:
    assert await store.read(credentials.load_secret, "AKIANOBODY", KEYRING) is None
    with pytest.raises(CredentialMissing):
        await store.write(credentials.revoke, "AKIANOBODY")


@pytest.mark.parametrize(
    ("account", "user"), [("12", "jo"), ("11111111111x", "jo"), ("111111111111", ""), ("1" * 12, "a b")]
)
async def test_a_key_belongs_to_an_account_and_a_user(store: Store, account: str, user: str) -> None:
    with pytest.raises(Invalid):
        await store.write(credentials.create, account, user, KEYRING, NOW)
