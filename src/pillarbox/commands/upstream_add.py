"""`pillarbox upstream add`: sets another SES up so that it tells here what becomes of mail, and prints its settings."""

import asyncio
from dataclasses import asdict, dataclass
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


@Parameter(name="*")
@dataclass(frozen=True)
class There:
    """The other side, as it is or as it is to be."""

    region: Annotated[str, Parameter(help="Its region.")]
    account: Annotated[str, Parameter(help="The account here that its events belong to.")] = FIRST_ACCOUNT
    configuration_set: Annotated[str, Parameter(help="Its configuration set; without it, `pillarbox-NAME`.")] = ""
    endpoint_url: Annotated[str, Parameter(help="Where it answers, if it is not Amazon SES.")] = ""
    ca_file: Annotated[str, Parameter(help="A PEM file with the authorities to trust, instead of the system's.")] = ""
    profile: Annotated[str, Parameter(help="The profile of the AWS configuration files to take credentials from.")] = ""

    def setting(self, name: str) -> UpstreamSetting:
        """Return the table for the settings, without events; CommandError when a part of it cannot be."""
        given = {"name": name, **asdict(self), "configuration_set": self.configuration_set or f"pillarbox-{name}"}
        try:
            return msgspec.convert(given, UpstreamSetting)
        except msgspec.ValidationError as error:
            raise CommandError(str(error)) from None


def add(
    name: str,
    /,
    *,
    there: There,
    sender: str = "",
    topic: str = "",
    queue: Annotated[bool, Parameter(negative="")] = False,
    policy: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Make what another SES needs to tell here what becomes of mail, and print its table for the settings.

    What is there already is used. The credentials are those that the AWS SDKs find here.

    Parameters
    ----------
    name
        What it is called here: lower-case letters, digits and hyphens.
    sender
        An address that mail leaves from; its domain becomes an identity there if it is none.
    topic
        The name of the topic there; without it, `pillarbox-NAME`.
    queue
        Let events come through a queue of that name, which works where nobody can reach this server.
    policy
        Change nothing; print the least IAM policy that this and the server need.
    """
    setting, called = there.setting(name), topic or f"pillarbox-{name}"
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
    """Print a policy for what is not there yet, in whichever account it will be."""
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
