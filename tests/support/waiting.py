"""What still waits in the tables of a store."""

from pillarbox.store.plan import Plan, Rows


def posts_due() -> Plan[int]:
    """Count the deliveries of notifications that have not ended, those that wait for another try included."""
    rows = yield Rows("SELECT count(*) FROM notification_deliveries WHERE state = 'due'")
    return int(rows[0][0])
