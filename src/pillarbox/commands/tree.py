"""The tree of the commands: which command is where.

Every module of commands/ is imported only when its command is used, so that
each starts at once. Called by __main__.py, and by page.py, which prints it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated

from cyclopts import App, Parameter

_FAMILIES = {
    "keys": ("Access keys that SDKs sign with.", {"create": "create", "list": "list_", "revoke": "revoke"}),
    "users": (
        "Who signs in to the pages.",
        {
            "create": "create",
            "list": "list_",
            "password": "password",
            "sign-out": "sign_out",
            "remove": "remove",
        },
    ),
    "identities": (
        "Senders that mail may come from.",
        {"list": "list_", "vouch": "vouch", "check": "check", "ed25519": "ed25519"},
    ),
    "tracking": ("Domains for tracked links.", {"check": "check", "keys": "keys"}),
    "dns": ("The records of the service domain.", {"zone": "zone"}),
    "account": (
        "Accounts in and out of the sandbox, how much they may send, and how long they keep it.",
        {"reviews": "reviews", "production": "production", "quota": "quota", "retention": "retention"},
    ),
    "upstream": (
        "Other SES that mail leaves through.",
        {"list": "list_", "add": "upstream_add:add", "check": "check", "doctor": "doctor", "policy": "policy"},
    ),
    "suppression": (
        "Addresses that get no mail from an account.",
        {"list": "list_", "add": "add", "remove": "remove", "import": "import_", "export": "export"},
    ),
    "contacts": ("The people on contact lists.", {"import": "import_"}),
    "stats": (
        "How sending goes: totals, rates, and customers side by side.",
        {"overview": "overview", "show": "show", "rebuild": "rebuild", "tag": "tag"},
    ),
    "quarantine": ("What upstreams told and nobody could read.", {"list": "list_", "retry": "retry"}),
    "dead_letters": ("Notifications that could not be delivered.", {"list": "list_", "replay": "replay"}),
}
_BELOW = {
    "upstream": {
        "credentials": (
            "upstream_credentials",
            "Their access keys, sealed in the store.",
            {"set": "set_", "remove": "remove"},
        )
    }
}
_ALSO = {"identities": ("identity",)}
# What a family does when none of its commands is given.
_USUAL = {"stats": "overview"}
_COMMANDS = {
    "serve": ("serve:serve", "Run the server until it is interrupted."),
    "messages": ("messages:messages", "List messages, newest first."),
    "history": ("messages:history", "Show what has become of one message."),
    "queue": ("queue:queue", "Show what waits for each provider, why, and when it goes on."),
    "pace": ("queue:pace", "Show or set how fast providers are sent to."),
    "pause": ("queue:pause", "Let no mail of an account, set, provider or message go out."),
    "resume": ("queue:resume", "Let mail go out again that was paused."),
    "retry": ("queue:retry", "Try now what waits for another try."),
    "doctor": ("doctor:doctor", "Look at everything that mail needs, and say what is wrong and what to do."),
    "audit": ("audit:audit", "List who changed keys, identities, policies and settings."),
    "tail": ("messages:tail", "Print events as they happen."),
    "backup": ("backup:backup", "Back the store up into a folder while the server goes on."),
    "restore": ("backup:restore", "Restore a backup into an empty data folder or database."),
    "export": ("moving:export", "Write the whole store into a folder that either engine can be filled from."),
    "import": ("moving:import_", "Fill an empty store from the folder of an export."),
    "where": ("where:where", "Show where in the source an AWS operation is done."),
    "demo": ("demo:demo", "Play the stories that Pillarbox is made for against a server in dev mode."),
}


def build() -> App:
    """Return the whole command line."""
    app = App(name="pillarbox", help="The self-hosted Amazon SES.", version=_version, help_format="plaintext")
    for name, (place, text) in _COMMANDS.items():
        app.command(f"pillarbox.commands.{place}", name=name, help=text)
    for module, (text, commands) in _FAMILIES.items():
        family = _family((module.replace("_", "-"), *_ALSO.get(module, ())), module, text, commands)
        for name, inner in _BELOW.get(module, {}).items():
            family.command(_family((name,), *inner))
        if module in _USUAL:
            family.default(_usual(app, module, _USUAL[module]))
        app.command(family)
    return app


def _family(names: tuple[str, ...], module: str, text: str, commands: Mapping[str, str]) -> App:
    """Return the commands that stand together under a name; one of another module names it (`module:function`)."""
    family = App(name=names, help=text)
    for name, function in commands.items():
        place = function if ":" in function else f"{module}:{function}"
        family.command(f"pillarbox.commands.{place}", name=name)
    return family


def _usual(app: App, name: str, command: str) -> Callable[..., None]:
    """Return what a family does that is given none of its commands; its module is read only then."""

    def usual(*options: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]) -> None:
        app([name, command, *options], exit_on_error=False, print_error=False, result_action="return_value")

    return usual


def read_what_is_asked_for(app: App, arguments: Sequence[str]) -> None:
    """Read the commands below the family that is asked for: its help, if it is shown, tells what each does."""
    asked = app
    for word in arguments:
        if word.startswith("-") or word not in asked:
            break
        asked = asked[word]
    if asked is not app:
        for name in asked:
            asked[name]


def below(app: App) -> Iterator[tuple[str, App]]:
    """Yield the commands of a family, or all at the top, by name."""
    for name in app:
        if not name.startswith("-"):
            yield name, app[name]


def _version() -> str:
    from importlib.metadata import version

    return version("pillarbox")
