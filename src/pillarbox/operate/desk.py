"""What an operator's request works on: the parts of a server, running or not.

Built by app/ for the admin socket, and by the command line when no server
runs. `endpoint` is then empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from pillarbox.kit.clock import Clock
from pillarbox.kit.dns import Names
from pillarbox.kit.secrets import Keyring
from pillarbox.store.engine import Store

if TYPE_CHECKING:  # HTTP and the AWS SDK: commands start without them
    from pillarbox.delivery.transport.ses_client import SesClient
    from pillarbox.sending.sender import Sender
    from pillarbox.sending.verification_mail import VerificationMail

OPERATOR = "operator"


class Host(NamedTuple):
    """A name that mail greets with, and the addresses that it leaves from there, as far as they are set."""

    name: str
    addresses: tuple[str, ...]


class Door(NamedTuple):
    """A port that the server listens on; `service` is http, https, smtp, smtps or return path."""

    service: str
    host: str
    port: int


class Premises(NamedTuple):
    """What operators have to know of the machine: as it is set, whether or not the server runs.

    `certificate` is the file of one that the operator has given; `sends_itself` says that mail leaves from here for
    the mail exchangers of its recipients. Tracked links lead to `links_host`, which is empty while only this machine
    can follow them.
    """

    folder: str
    least_free_bytes: int
    doors: tuple[Door, ...]
    certificate: str
    sends_itself: bool
    links_host: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """`endpoint` is the URL that SDKs are pointed at; `dev` says whether any secret will do there.

    `service_domain` is the operator's own domain, `names` asks the DNS, `upstreams` are other SES
    by their names: those of the running server. `sender` and `verification_mail` are there in a server that answers
    callers, and `who` works at the desk from `source`. `hosts` are those that mail leaves from, and `premises` what
    is known of the machine.
    """

    store: Store
    keyring: Keyring
    clock: Clock
    endpoint: str = ""
    dev: bool = False
    service_domain: str = "pillarbox.localhost"
    names: Names = field(default_factory=Names)
    upstreams: "Mapping[str, SesClient]" = field(default_factory=dict)
    sender: "Sender | None" = None
    verification_mail: "VerificationMail | None" = None
    who: str = OPERATOR
    source: str = ""
    hosts: tuple[Host, ...] = ()
    premises: Premises | None = None

    def of(self, who: str, source: str) -> "Desk":
        """Return the desk as somebody else works at it: the audit log names them and where they asked from."""
        return replace(self, who=who, source=source)
