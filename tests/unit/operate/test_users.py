"""Users and their sessions, on both engines."""

from pillarbox.kit.secrets import Keyring
from pillarbox.operate import users
from pillarbox.operate.desk import Desk
from pillarbox.resources.sessions import Person
from pillarbox.resources.users import Role
from pillarbox.store.engine import Store
from tests.support.clock import NOON, StandingClock


async def test_a_user_is_signed_in_where_they_have_not_been_signed_out(store: Store) -> None:
    desk = Desk(store, Keyring({"1": bytes(32)}), StandingClock(NOON))
    for name in ("ada", "bob"):
        await users.create(desk, name, "member")
        for _ in range(2):
            await users.sign_in(desk, Person(name, Role.MEMBER, ""))
    assert [(one.name, one.sessions, one.seen_at) for one in await users.list_all(desk)] == [
        ("ada", 2, NOON),
        ("bob", 2, NOON),
    ]
    await users.sign_out_everywhere(desk, "ada")
    assert [one.sessions for one in await users.list_all(desk)] == [0, 2]
