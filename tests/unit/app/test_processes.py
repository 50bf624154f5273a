"""What of a server's settings each of its workers is given."""

import pytest

from pillarbox.app.processes import part_of_one
from pillarbox.settings import MxSetting, Settings, SmarthostSetting, UpstreamSetting


@pytest.mark.parametrize(("workers", "each"), [(1, 12), (3, 4), (5, 2), (50, 1)])
def test_workers_have_no_more_connections_together_than_the_server_may_have(workers: int, each: int) -> None:
    given = Settings(
        workers=workers,
        smarthost=SmarthostSetting("relay.example.net", max_connections=12),
        mx=MxSetting(helo="mta.example.org", max_connections=12),
        upstreams=(UpstreamSetting(name="far", region="eu-west-1", max_connections=12),),
    )
    part = part_of_one(given)
    assert part.smarthost and part.mx
    assert (part.smarthost.max_connections, part.mx.max_connections) == (each, each)
    assert [one.max_connections for one in part.upstreams] == [each]
    assert part.mx.helo == "mta.example.org"


def test_so_it_is_where_the_settings_say_nothing_of_connections() -> None:
    part = part_of_one(Settings(workers=2))
    assert part.mx and part.mx.max_connections == MxSetting().max_connections // 2
    assert part.smarthost is None
