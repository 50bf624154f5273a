"""What operators see of another SES."""

from pillarbox.app.upstreams import upstream_of
from pillarbox.delivery.transport import ses_quota
from pillarbox.delivery.transport.ses_client import SesClient
from pillarbox.kit.secrets import Keyring
from pillarbox.operate import upstream
from pillarbox.operate.desk import Desk
from pillarbox.resources import upstreams
from pillarbox.settings import UpstreamSetting
from pillarbox.store.engine import Store
from tests.support.clock import NOON, StandingClock


async def test_what_keeps_quota_and_list_from_being_read_is_told_once(store: Store) -> None:
    client = SesClient(upstream_of(UpstreamSetting(name="eu", region="eu-west-1", account="123456789012")))
    desk = Desk(store, Keyring({"1": bytes(32)}), StandingClock(), upstreams={"eu": client})
    await store.write(ses_quota.note_failure, "eu", "no connection", NOON)
    await store.write(upstreams.put_list_state, "eu", upstreams.ListState(failure="no connection"), NOON)

    (seen,) = await upstream.list_all(desk)
    assert seen.failures == ["no connection"]
    await store.write(upstreams.put_list_state, "eu", upstreams.ListState(failure="not allowed"), NOON)
    (seen,) = await upstream.list_all(desk)
    assert seen.failures == ["no connection", "not allowed"]
