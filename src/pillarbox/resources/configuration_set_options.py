"""What a configuration set says of the mail that is sent with it: how it is delivered, and where its links lead.

Pure values, kept in the set's document. Set by configuration_sets.py and
tracking_options.py; read by sending, delivery and the tracker.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DeliveryOptions.html
"""

from collections.abc import Collection
from typing import Literal

import msgspec

from pillarbox.kit.errors import Invalid

HttpsPolicy = Literal["OPTIONAL", "REQUIRE", "REQUIRE_OPEN_ONLY"]


class InvalidDelivery(Invalid):
    """Mail cannot be delivered in that way."""


class Delivery(msgspec.Struct, frozen=True):
    """How mail is delivered: only over TLS, from the addresses of a pool, tried for so long at the most.

    An empty `pool` stands for the addresses that all share; `most_seconds` None for as long as any mail is tried
    (else 300 to 50,400, as the models say).
    """

    tls_required: bool = False
    pool: str = ""
    most_seconds: int | None = None

    def checked(self, pools: Collection[str]) -> "Delivery":
        """Return it, or raise InvalidDelivery for a pool that is none of `pools`."""
        if self.pool and self.pool not in pools:
            raise InvalidDelivery(f"Sending pool <{self.pool}> does not exist.")
        return self


class Tracking(msgspec.Struct, frozen=True):
    """Where the links and pixels of tracked mail lead.

    An empty `custom_redirect_domain` stands for the server's own tracker. By
    `https_policy` both are https (REQUIRE), only the pixel is (REQUIRE_OPEN_ONLY),
    or each link keeps the scheme of what it stands for (OPTIONAL).
    https://docs.aws.amazon.com/ses/latest/dg/configure-custom-open-click-domains.html
    """

    custom_redirect_domain: str = ""
    https_policy: HttpsPolicy = "OPTIONAL"
