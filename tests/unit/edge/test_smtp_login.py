"""Who a user name and a password are."""

import pytest

from pillarbox.edge.authenticate import Caller
from pillarbox.edge.smtp_login import AnyPassword, DerivedPasswords
from pillarbox.edge.smtp_password import smtp_password
from pillarbox.kit.clock import SystemClock
from pillarbox.kit.ids import REGIONS, Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import credentials
from pillarbox.store.engine import Store

NOW = 1_700_000_000_000
KEYRING = Keyring({"1": bytes(32)})
ACCOUNT = "123456789012"


async def test_a_derived_password_means_an_account_in_a_region(store: Store) -> None:
    key = await store.write(credentials.create, ACCOUNT, "ann", KEYRING, NOW)
    logins = DerivedPasswords(store, KEYRING, SystemClock(), REGIONS)

    caller = await logins.caller(key.key_id, smtp_password(key.secret, "eu-west-1"))

    assert caller == Caller(Scope(ACCOUNT, "eu-west-1"), "ann", key.key_id)
    assert await logins.caller(key.key_id, key.secret) is None
    assert await logins.caller("AKIAOTHER", smtp_password("", "eu-west-1")) is None


@pytest.mark.parametrize("user", ["", "AKIA\0", "AKIA' OR ''='", "A" * 129, "ключ"])
async def test_what_cannot_be_a_key_is_refused(store: Store, user: str) -> None:
    assert await DerivedPasswords(store, KEYRING, SystemClock(), REGIONS).caller(user, "x") is None


async def test_a_revoked_key_does_not_log_in(store: Store) -> None:
    key = await store.write(credentials.create, ACCOUNT, "ann", KEYRING, NOW)
    logins = DerivedPasswords(store, KEYRING, SystemClock(), REGIONS)
    password = smtp_password(key.secret, "us-east-1")
    assert await logins.caller(key.key_id, password)

    caller = await logins.caller(key.key_id, password)
    assert caller and await logins.stands(caller)

    await store.write(credentials.revoke, key.key_id)

    assert not await logins.stands(caller)
    assert await DerivedPasswords(store, KEYRING, SystemClock(), REGIONS).caller(key.key_id, password) is None


@pytest.mark.parametrize(
    ("user", "password", "scope"),
    [
        ("111122223333", "x", Scope("111122223333", "us-east-1")),
        ("AKIDEXAMPLE", "", Scope(ACCOUNT, "us-east-1")),
        ("111122223333", "eu-west-1", Scope("111122223333", "eu-west-1")),
    ],
)
async def test_in_dev_mode_any_password_will_do(user: str, password: str, scope: Scope) -> None:
    caller = await AnyPassword(REGIONS).caller(user, password)
    assert caller is not None and caller.scope == scope
