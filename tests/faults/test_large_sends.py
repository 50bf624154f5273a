"""`kill -9` while split and bulk sends are written out: every recipient has one message in the end, and one Send."""

import random
import threading
import time
from pathlib import Path
from typing import Any

import apsw

from tests.faults.test_kill import client
from tests.support.child import Child

RECIPIENTS = 1_500
CALLS, ENTRIES = 10, 50
KILLS = 8


def left(folder: Path, *tables: str) -> int:
    """Return how many rows of these tables the background still has to work off."""
    database = apsw.Connection(str(folder / "pillarbox.db"), flags=apsw.SQLITE_OPEN_READONLY)
    database.set_busy_timeout(10_000)
    try:
        return sum(int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables)
    finally:
        database.close()


def bulk_send(sesv2: Any, call: int) -> dict[str, str]:
    """Send to many in one call; return who is to get the message of which id."""
    people = [f"b{call}-{number}@house.example" for number in range(ENTRIES)]
    results = sesv2.send_bulk_email(
        FromEmailAddress="a@example.com",
        DefaultContent={"Template": {"TemplateContent": {"Subject": "x", "Text": "y"}, "TemplateData": "{}"}},
        BulkEmailEntries=[{"Destination": {"ToAddresses": [one]}} for one in people],
    )["BulkEmailEntryResults"]
    return dict(zip([result["MessageId"] for result in results], people, strict=True))


def test_kills_while_large_sends_are_written_out_lose_and_double_nothing(tmp_path: Path) -> None:
    chance = random.Random(2587)
    people = [f"p{number}@house.example" for number in range(RECIPIENTS)]
    with Child(tmp_path) as child:
        sesv2 = client("sesv2", child.endpoint)
        sesv2.create_email_identity(EmailIdentity="example.com")
        tags = [{"Key": "pillarbox:split-recipients", "Value": "true"}]
        sesv2.create_configuration_set(ConfigurationSetName="split", Tags=tags)
        first = sesv2.send_email(
            FromEmailAddress="a@example.com",
            Destination={"ToAddresses": people},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "y"}}}},
            ConfigurationSetName="split",
        )["MessageId"]
        promised = {message_id: one for call in range(CALLS) for message_id, one in bulk_send(sesv2, call).items()}
        child.kill()  # the answer is all that anybody has heard
    kills_on_the_way = 0
    for _ in range(KILLS):
        with Child(tmp_path) as child:
            threading.Event().wait(chance.uniform(0.0, 0.05))  # when the kill comes, not what it waits for
            child.kill()
        kills_on_the_way += left(tmp_path, "large_sends", "bulk_sends")
    assert kills_on_the_way > 0

    with Child(tmp_path):
        ends_at = time.monotonic() + 60
        while left(tmp_path, "large_sends", "bulk_sends", "outgoing"):
            assert time.monotonic() < ends_at, "the sends were not finished within a minute"
            threading.Event().wait(0.02)
    database = apsw.Connection(str(tmp_path / "pillarbox.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = database.execute("SELECT message_id, address FROM recipients ORDER BY message_id").fetchall()
    assert len(rows) == RECIPIENTS + len(promised)
    assert [(message_id, address) for message_id, address in rows if message_id in promised] == sorted(promised.items())
    assert [(message_id[:-6], address) for message_id, address in rows if message_id not in promised] == [
        (first[:-6], one) for one in people
    ]
    sent = database.execute("SELECT count(*), count(DISTINCT message_id) FROM events WHERE kind = 'Send'").fetchone()
    assert sent == (len(rows), len(rows))
    states = database.execute("SELECT state, count(*) FROM recipients GROUP BY state").fetchall()
    assert states == [("delivered", len(rows))]
    database.close()
