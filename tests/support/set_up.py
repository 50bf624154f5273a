"""What many tests set up before they send."""

from collections.abc import Sequence
from typing import Any

from pillarbox.kit.clock import Millis, SystemClock
from pillarbox.kit.ids import Scope
from pillarbox.resources import configuration_sets, identity_mail_from
from pillarbox.resources.configuration_set_options import Delivery
from pillarbox.resources.identity_mail_from import Asked
from pillarbox.store.plan import Plan
from tests.support.server import Server


def configuration_set_told_to(ses: Any, topic_arn: str, name: str, kinds: Sequence[str]) -> None:
    """Make a configuration set whose events of these kinds go to a topic (SES v1 client)."""
    ses.create_configuration_set(ConfigurationSet={"Name": name})
    ses.create_configuration_set_event_destination(
        ConfigurationSetName=name,
        EventDestination={
            "Name": "topic",
            "Enabled": True,
            "MatchingEventTypes": list(kinds),
            "SNSDestination": {"TopicARN": topic_arn},
        },
    )


def mail_from_that_is_not_verified(server: Server, identity: str, on_mx_failure: str = "RejectMessage") -> str:
    """Give an identity a MAIL FROM domain whose records nobody has looked at yet, and return it."""
    domain = f"bounces.{identity}"
    asked = Asked(domain, on_mx_failure, "mail.example.org", at_once=False)
    scope = Scope(server.account, "us-east-1")
    store = server.running.listening.store
    server.running.run(store.write(identity_mail_from.set_domain, scope, identity, asked, SystemClock().now()))
    return domain


def pool_that_is_gone(server: Server, configuration_set: str) -> None:
    """Make a configuration set whose pool the operator has taken out of the settings."""
    scope, now = Scope(server.account, "us-east-1"), SystemClock().now()
    store, delivery = server.running.listening.store, Delivery(pool="gone")

    server.running.run(store.write(_set_with_pool, scope, configuration_set, delivery, now))


def _set_with_pool(scope: Scope, name: str, delivery: Delivery, now: Millis) -> Plan[None]:
    yield from configuration_sets.create(scope, name, now, delivery=delivery, pools=(delivery.pool,))
