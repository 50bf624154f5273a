"""What a request says about DKIM, with the key that it asks for.

Makes and reads keys in a thread. Called by the identity operations of ses/ and
sesv2/.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DkimSigningAttributes.html
"""

import asyncio

from pillarbox.api.call import Call, Params
from pillarbox.kit.errors import Invalid
from pillarbox.resources import dkim_keys
from pillarbox.resources.dkim_keys import KeyMaterial
from pillarbox.resources.identities import EASY, EXTERNAL, RSA_2048
from pillarbox.resources.identity_dkim import BITS, Asked
from pillarbox.resources.unsupported import Unsupported

_SELECTOR, _PRIVATE_KEY = "DomainSigningSelector", "DomainSigningPrivateKey"


async def easy(call: Call, domain: str, length: str = RSA_2048) -> Asked:
    """Return what sets Easy DKIM up."""
    material = await asyncio.to_thread(dkim_keys.make_rsa, BITS[length])
    return _asked(call, domain, material)


async def asked(call: Call, domain: str, signing: Params, origin: str | None) -> Asked:
    """Return how a domain is to sign; without an origin the members say it."""
    given = [member for member in (_SELECTOR, _PRIVATE_KEY) if signing.get(member)]
    if origin not in (None, EASY, EXTERNAL):
        raise Unsupported(f"The origin {origin} is not supported: keys are not replicated between regions.")
    if not given and origin != EXTERNAL:
        return await easy(call, domain, signing.get("NextSigningKeyLength", RSA_2048))
    if origin == EASY or len(given) < 2 or signing.get("NextSigningKeyLength"):
        raise Invalid(
            f"A DKIM key of your own is given as {_SELECTOR} and {_PRIVATE_KEY}; NextSigningKeyLength and the origin"
            f" {EASY} belong to Easy DKIM."
        )
    material = await asyncio.to_thread(dkim_keys.read_given, signing[_PRIVATE_KEY])
    return _asked(call, domain, material, signing[_SELECTOR])


def _asked(call: Call, domain: str, material: KeyMaterial, selector: str = "") -> Asked:
    services = call.services
    return Asked(dkim_keys.seal(call.scope, domain, material, services.keyring), services.verify_at_once, selector)
