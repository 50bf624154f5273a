"""`pillarbox upstream-credentials`: access keys of other SES, sealed in the store."""

import sys

from pillarbox.commands.printing import say
from pillarbox.commands.reach import HERE, CommandError, Place, ask
from pillarbox.operate.upstream_requests import RemoveUpstreamCredentials, SetUpstreamCredentials

_NAMES = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
}


def set_(name: str, /, *, place: Place = HERE) -> None:
    """Read an access key from standard input and seal it into the store.

    It reads lines as files of credentials have them (aws_access_key_id = ..., AWS_SECRET_ACCESS_KEY=...,
    AWS_SESSION_TOKEN=...). What the settings give goes before.

    Parameters
    ----------
    name
        The upstream, as the settings call it.
    """
    if sys.stdin.isatty():
        print("AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=..., then Ctrl-D:", file=sys.stderr)
    given = read(sys.stdin.read())
    ask(place, SetUpstreamCredentials(name, **given), type(None))
    say(f"{given['access_key_id']} is sealed in the store for the upstream {name}, and used from now on")


def remove(name: str, /, *, place: Place = HERE) -> None:
    """Take the access key of an upstream out of the store.

    Parameters
    ----------
    name
        The upstream, as the settings call it.
    """
    ask(place, RemoveUpstreamCredentials(name), type(None))
    say(f"the store has no credentials for the upstream {name} any more")


def read(text: str) -> dict[str, str]:
    """Return the parts of an access key in a text of `name=value` lines; CommandError when one is missing."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        if part := _NAMES.get(name.strip().upper()):
            found[part] = value.strip().strip("'\"")
    if not found.get("access_key_id") or not found.get("secret_access_key"):
        raise CommandError("standard input has no lines AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=...")
    return found
