"""The links of the chain that are in SES: senders, configuration sets, and whom those tell of what.

Touches the far side through far.py. Called by links.py, which says in which
order and what becomes of errors.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pillarbox.operate.chain.far import Far, FarRefused
from pillarbox.operate.chain.link import Finding, Link, tracked_kinds, wanted_kinds


class Sender:
    """That mail may come from an address there: by the address itself or by its domain."""

    def __init__(self, far: Far, sender: str) -> None:
        self._far = far
        self._sender = sender
        self._domain = sender.rpartition("@")[2]

    async def look(self) -> Finding:
        for name in dict.fromkeys((self._sender, self._domain)):
            try:
                identity = await self._far.call("ses:GetEmailIdentity", EmailIdentity=name)
            except FarRefused as refused:
                if refused.is_absent:
                    continue
                raise
            if identity.get("VerifiedForSendingStatus"):
                return Finding(Link("sender", True, f"{name} is verified"))
            return Finding(Link("sender", False, f"{name} is not verified yet", _how_to_verify(name, identity)))
        why = f"neither {self._sender} nor its domain is an identity there"
        return Finding(Link("sender", False, why, f"verify {self._domain} in that region"), self._make)

    async def _make(self) -> None:
        await self._far.call("ses:CreateEmailIdentity", EmailIdentity=self._domain)


def _how_to_verify(name: str, identity: Mapping[str, Any]) -> str:
    tokens = identity.get("DkimAttributes", {}).get("Tokens", [])
    zone = identity.get("DkimAttributes", {}).get("SigningHostedZone", "dkim.amazonses.com")
    if "@" in name or not tokens:
        return "follow the link in the mail that the upstream has sent" if "@" in name else "verify it there"
    records = "; ".join(f"{token}._domainkey.{name} CNAME {token}.{zone}" for token in tokens)
    return f"publish {records}"


class ConfigurationSet:
    """That a configuration set is there and sends."""

    def __init__(self, far: Far, name: str) -> None:
        self._far = far
        self._name = name

    async def look(self) -> Finding:
        link = f"configuration set {self._name}"
        try:
            content = await self._far.call("ses:GetConfigurationSet", ConfigurationSetName=self._name)
        except FarRefused as refused:
            if refused.is_absent:
                return Finding(Link(link, False, "is not there", "create it there, or name another one"), self._make)
            raise
        if not content.get("SendingOptions", {}).get("SendingEnabled", True):
            return Finding(Link(link, False, "its sending is paused", "resume it there"))
        return Finding(Link(link, True, "is there"))

    async def _make(self) -> None:
        await self._far.call("ses:CreateConfigurationSet", ConfigurationSetName=self._name)


class Destinations:
    """That a configuration set tells one of our topics of every kind of event."""

    def __init__(self, far: Far, name: str) -> None:
        self._far = far
        self._name = name

    async def look(self) -> Finding:
        link = f"event destinations of {self._name}"
        every = await _destinations(self._far, self._name)
        ours = [one for one in every if one.get("SnsDestination", {}).get("TopicArn") in self._far.upstream.topics]
        told = frozenset(kind for one in ours if one.get("Enabled") for kind in one.get("MatchingEventTypes", []))
        missing = wanted_kinds(self._far.upstream) - told
        if not missing:
            return Finding(Link(link, True, ", ".join(sorted(told))))
        if not told:
            why, remedy = "none that is enabled tells a topic of `upstreams.events.topics`", "add one there"
        else:
            why, remedy = f"nobody is told of {', '.join(sorted(missing))}", "add these kinds to it there"

        async def make() -> None:
            await self._tell(every, ours)

        return Finding(Link(link, False, why, remedy), make)

    async def _tell(self, every: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]) -> None:
        """Let a destination of ours tell everything: the first that there is, or a new one."""
        topic = ours[0]["SnsDestination"]["TopicArn"] if ours else self._far.upstream.topics[0]
        names = {one["Name"] for one in every}
        free = (f"pillarbox{suffix}" for suffix in ("", *(f"-{number}" for number in range(2, len(names) + 3))))
        name = ours[0]["Name"] if ours else next(one for one in free if one not in names)
        await self._far.call(
            f"ses:{'Update' if ours else 'Create'}ConfigurationSetEventDestination",
            ConfigurationSetName=self._name,
            EventDestinationName=name,
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": sorted(wanted_kinds(self._far.upstream)),
                "SnsDestination": {"TopicArn": topic},
            },
        )


class Tracking:
    """That of two sides that could track, one does. Others may want to be told of opens: that is not repaired."""

    def __init__(self, far: Far, name: str) -> None:
        self._far = far
        self._name = name

    async def look(self) -> Finding:
        link, upstream = f"tracking of {self._name}", self._far.upstream
        if not upstream.tracks_here:
            return Finding(Link(link, True, "theirs"))
        if upstream.turns_tracking_off:
            return Finding(Link(link, True, "ours; each call says so"))
        every = await _destinations(self._far, self._name)
        kinds = frozenset(kind for one in every if one.get("Enabled") for kind in one.get("MatchingEventTypes", []))
        if tracked := tracked_kinds(kinds):
            why = f"both sides track: {' and '.join(sorted(tracked))} are told there"
            return Finding(Link(link, False, why, "take them out of its event destinations there"))
        return Finding(Link(link, True, "ours"))


async def _destinations(far: Far, name: str) -> Sequence[Mapping[str, Any]]:
    try:
        answer = await far.call("ses:GetConfigurationSetEventDestinations", ConfigurationSetName=name)
    except FarRefused as refused:
        if refused.is_absent:  # the set itself, of which another link tells
            return []
        raise
    found: Sequence[Mapping[str, Any]] = answer.get("EventDestinations", [])
    return found
