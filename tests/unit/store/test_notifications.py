"""What is known of deliveries to subscribers, on both engines."""

from pillarbox.kit.ids import Scope
from pillarbox.store import notifications
from pillarbox.store.engine import Store
from pillarbox.store.notifications import DeliveryRow, Ending, NotificationRow
from tests.support.promises import SCOPE

OTHER = Scope("210987654321", "us-east-1")


def _told(name: str, topic: str, scope: Scope = SCOPE) -> tuple[NotificationRow, DeliveryRow]:
    url = "http://subscriber.example"
    return (
        NotificationRow(name, *scope, topic, "Notification", None, "{}", "{}", None, 1),
        DeliveryRow(name, "s", *scope, topic, "http", url, "due", 1, 1, 0, "", "", None),
    )


async def test_when_a_topic_told_somebody_last(store: Store) -> None:
    pairs = [_told("1", "mail"), _told("2", "mail"), _told("3", "never"), _told("4", "mail", OTHER)]
    await store.write(notifications.add, [one for one, _ in pairs], [one for _, one in pairs])
    endings = [Ending(name, "s", "done", 0, 1, "", at) for name, at in (("1", 7), ("2", 5), ("4", 9))]
    await store.write(notifications.end, endings)
    assert await store.read(notifications.last_told, SCOPE, 10) == {"mail": 7}
    assert await store.read(notifications.last_told, OTHER, 10) == {"mail": 9}
    assert await store.read(notifications.deliveries_of, []) == []
    found = await store.read(notifications.deliveries_of, ["1", "3", "nobody"])
    assert sorted((row.notification_id, row.state) for row in found) == [("1", "done"), ("3", "due")]
