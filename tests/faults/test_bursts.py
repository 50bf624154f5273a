"""`kill -9` while a burst is taken in and its messages are made: each is there once in the end, with one Send."""

import random
import threading
import time
from pathlib import Path

import apsw

from tests.faults.test_kill import Load, client
from tests.faults.test_large_sends import left
from tests.support.child import Child

SENDERS = 48
KILLS = 6


def test_kills_in_a_burst_lose_and_double_nothing(tmp_path: Path) -> None:
    chance = random.Random(465)
    with Child(tmp_path) as child:
        ses = client("ses", child.endpoint)
        ses.verify_email_identity(EmailAddress="a@example.com")
        ses.create_configuration_set(ConfigurationSet={"Name": "all"})
    promised: list[str] = []
    waited = 0
    for _ in range(KILLS):
        with Child(tmp_path) as child:
            load = Load(child.endpoint, SENDERS)
            threading.Event().wait(chance.uniform(0.1, 0.4))  # when the kill comes, not what it waits for
            child.kill()
            promised += load.join()
        waited += left(tmp_path, "unmade_sends")
    assert waited > 0
    assert len(set(promised)) == len(promised) > KILLS

    with Child(tmp_path):
        ends_at = time.monotonic() + 60
        while left(tmp_path, "unmade_sends", "outgoing"):
            assert time.monotonic() < ends_at, "the messages were not made and delivered within a minute"
            threading.Event().wait(0.02)
    database = apsw.Connection(str(tmp_path / "pillarbox.db"), flags=apsw.SQLITE_OPEN_READONLY)
    states = dict(database.execute("SELECT message_id, state FROM recipients").fetchall())
    sent = database.execute("SELECT count(*), count(DISTINCT message_id) FROM events WHERE kind = 'Send'").fetchone()
    database.close()
    assert set(promised) <= states.keys()
    assert set(states.values()) == {"delivered"}
    assert sent == (len(states), len(states))
