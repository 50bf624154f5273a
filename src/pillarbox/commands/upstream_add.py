"""`pillarbox upstream add`: sets another SES up so that it tells here what becomes of mail, and prints its settings."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from pillarbox.commands.printing import say, say_json
from pillarbox.commands.reach import CommandError
from pillarbox.commands.upstream import say_links
from pillarbox.operate.keys import FIRST_ACCOUNT
from pillarbox.settings import EventsSetting, UpstreamSetting

if TYPE_CHECKING:
    from pillarbox.delivery.transport.ses_client import Upstream
    from pillarbox.operate.chain.far import Far
    from pillarbox.operate.chain.link import Link

_ANYONE = "*"


def add(
    name: str,
    /,
    *,
    region: str,
    sender: str = "",
    account: str = FIRST_ACCOUNT,
    configuration_set: str = "",
    topic: str = "",
    queue: Annotated[bool, Parameter(negative="")] = False,
    endpoint_url: str = "",
    ca_file: str = "",
    profile: str = "",
    policy: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Make what another SES needs to tell here what becomes of mail, and print its table for the settings.

    What is there already is used. The credentials are those that the AWS SDKs find here.

    Parameters
    ----------
    name
        What it is called here: lower-case letters, digits and hyphens.
    region
        Its region.
    sender
        An address that mail leaves from; its domain becomes an identity there if it is none.
    account
        The account here that the events belong to.
    configuration_set
        The configuration set there; without it, `pillarbox-NAME`.
    topic
        The name of the topic there; without it, `pillarbox-NAME`.
    queue
        Let events come through a queue of that name, which works where nobody can reach this server.
    endpoint_url
        Where it answers, if it is not Amazon SES.
    ca_file
        A PEM file with the authorities to trust, instead of the system's.
    profile
        The profile of the AWS configuration files to take credentials from.
    policy
        Change nothing; print the least IAM policy that this and the server need.
    """
    called = topic or f"pillarbox-{name}"
    given = {
        "name": name,
        "region": region,
        "account": account,
        "endpoint_url": endpoint_url,
        "ca_file": ca_file,
        "profile": profile,
        "configuration_set": configuration_set or f"pillarbox-{name}",
    }
    try:
        setting = msgspec.convert({key: value for key, value in given.items() if value}, UpstreamSetting)
    except msgspec.ValidationError as error:
        raise CommandError(str(error)) from None
    if policy:
        _say_policy(setting, called, queue=queue)
        return
    found, setting = asyncio.run(_made(setting, called, sender, queue=queue))
    say_links(found)
    say()
    say(table_of(setting))
    say("# Put this into the settings of the server and start it again. Its credentials: the settings, what")
    say(f"# `pillarbox upstream credentials set {name}` reads, or where the AWS SDKs find them. Then:")
    say(f"#   pillarbox upstream doctor {name} --repair --prove --sender {sender or 'you@example.com'}")
    if not all(link.holds for link in found):
        raise CommandError("not everything is there yet; what is missing is said above")


def _say_policy(setting: UpstreamSetting, called: str, *, queue: bool) -> None:
    """Print a policy for what is not there yet, whoever's account it will be in."""
    from pillarbox.app.upstreams import upstream_of
    from pillarbox.operate.chain.permissions import least_policy, partition_of, purposes

    topics = (f"arn:{partition_of(setting.region)}:sns:{setting.region}:{_ANYONE}:{called}",)
    url = f"https://sqs.{setting.region}.amazonaws.com/{_ANYONE}/{called}" if queue else ""
    upstream = upstream_of(_telling(setting, topics, url))
    say_json(least_policy(upstream, purposes(upstream, repairing=True)))


async def _made(
    setting: UpstreamSetting, called: str, sender: str, *, queue: bool
) -> "tuple[list[Link], UpstreamSetting]":
    """Make everything but the subscription of this server, which it can confirm only when it has its settings."""
    from pillarbox.app.upstreams import upstream_of
    from pillarbox.delivery.transport.ses_credentials import CredentialSource
    from pillarbox.operate.chain.far import Far, FarRefused
    from pillarbox.operate.chain.link import Sought
    from pillarbox.operate.chain.links import links

    def far_of(upstream: "Upstream") -> "Far":
        return Far(upstream, CredentialSource(setting.name, None, setting.profile))

    far = far_of(upstream_of(setting))
    try:
        topic = (await far.call("sns:CreateTopic", Name=called))["TopicArn"]
        url = (await far.call("sqs:CreateQueue", QueueName=called))["QueueUrl"] if queue else ""
    except FarRefused as refused:
        remedy = f": {refused.remedy}" if refused.remedy else ""
        raise CommandError(f"{refused.action} was answered: {refused}{remedy}") from None
    setting = _telling(setting, (topic,), url)
    upstream = upstream_of(setting)
    return await links(far_of(upstream), Sought(upstream, "", sender), repairing=True), setting


def _telling(setting: UpstreamSetting, topics: tuple[str, ...], queue_url: str) -> UpstreamSetting:
    return msgspec.structs.replace(setting, events=EventsSetting(topics=topics, queue_url=queue_url))


def table_of(setting: UpstreamSetting) -> str:
    """Return the table of an upstream in TOML, with what is not as it is by default."""
    lines = ["[[upstreams]]", *_lines(setting, UpstreamSetting), "", "[upstreams.events]"]
    if setting.events is not None:
        lines += _lines(setting.events, EventsSetting)
    return "\n".join(lines) + "\n"


def _lines(given: msgspec.Struct, kind: type[msgspec.Struct]) -> list[str]:
    found = []
    for field in msgspec.structs.fields(kind):
        value: Any = getattr(given, field.name)
        if isinstance(value, str | tuple) and value != field.default:
            found.append(f"{field.name} = {msgspec.json.encode(value).decode()}")  # what is JSON here, is TOML
    return found
