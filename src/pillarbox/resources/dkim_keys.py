"""The keys that sign mail with DKIM: made, taken over, kept sealed, and told as DNS records.

`make_rsa`, `make_ed25519` and `read_given` are pure but slow (run them off the
loop); the rest are plans. A key belongs to the identity of a domain and goes
with it. delivery/transform asks `signing_keys`; identity_dkim.py decides which
keys there are.
https://www.rfc-editor.org/rfc/rfc6376#section-3.6.1
"""

import base64
import binascii

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from pillarbox.kit.clock import Millis
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.kit.secrets import Keyring
from pillarbox.resources import identities
from pillarbox.resources.identity_names import canonical, covering_names
from pillarbox.store import nouns
from pillarbox.store.plan import Plan

RSA, ED25519 = "rsa", "ed25519"
ACTIVE, NEXT, RETIRED = "active", "next", "retired"
_KIND = identities.DKIM_KEY
_MOST_KEYS = 10  # of one domain: the active ones, the next and the retired
# https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-bring-your-own.html
_FEWEST_BITS, _MOST_BITS = 1024, 2048


class InvalidKey(Invalid):
    """What was given is no private key that can sign mail here."""


class KeyMaterial(msgspec.Struct, frozen=True):
    """A key pair in the clear: PKCS #8 in DER, and the `p=` of its record."""

    algorithm: str
    bits: int
    private: bytes
    public: str

    def __repr__(self) -> str:
        return f"KeyMaterial({self.algorithm}, {self.bits} bits)"  # never the key


class SealedKey(msgspec.Struct, frozen=True):
    """A key pair whose private part is sealed for one domain; it may be written down and handed on."""

    algorithm: str
    bits: int
    sealed: bytes
    public: str


class StoredKey(msgspec.Struct, frozen=True):
    """A key as it is kept; it signs while it is ACTIVE.

    `public` is the `p=` of its record, `sealed` opens with `open_private`. `seen_at` is since when the DNS has
    shown a NEXT key, `retired_at` since when a RETIRED one signs no more.
    """

    domain: str
    selector: str
    algorithm: str
    bits: int
    sealed: bytes
    public: str
    made_at: Millis
    state: str = ACTIVE
    seen_at: Millis | None = None
    retired_at: Millis | None = None

    @property
    def record_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """The TXT record by which receivers find the public key."""
        return f"v=DKIM1; k={self.algorithm}; p={self.public}"


_read = msgspec.json.Decoder(StoredKey).decode


def make_rsa(bits: int) -> KeyMaterial:
    return _rsa_material(generate_private_key(public_exponent=65537, key_size=bits))


def make_ed25519() -> KeyMaterial:
    """Make a key of RFC 8463, whose record holds the 32 bytes of the public key alone."""
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return KeyMaterial(ED25519, 256, _pkcs8(key), public)


def read_given(text: str) -> KeyMaterial:
    """Take over a key of the owner's own: base64 of an RSA key in PKCS #1 or #8, without lines of PEM."""
    try:
        key = serialization.load_der_private_key(base64.b64decode(text, validate=True), None)
    except (binascii.Error, ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidKey("The private key is not valid: it must be an RSA key in base64, without header.") from None
    if not isinstance(key, RSAPrivateKey) or not _FEWEST_BITS <= key.key_size <= _MOST_BITS:
        raise InvalidKey(f"The private key is not valid: it must be RSA of {_FEWEST_BITS} to {_MOST_BITS} bits.")
    return _rsa_material(key)


def seal(scope: Scope, domain: str, material: KeyMaterial, keyring: Keyring) -> SealedKey:
    secret = keyring.seal(material.private, _row(scope, canonical(domain)))
    return SealedKey(material.algorithm, material.bits, secret, material.public)


def stored(domain: str, selector: str, key: SealedKey, now: Millis, state: str = ACTIVE) -> StoredKey:
    """Return a key as it is kept under a selector."""
    return StoredKey(domain, selector, key.algorithm, key.bits, key.sealed, key.public, now, state)


def open_private(scope: Scope, key: StoredKey, keyring: Keyring) -> RSAPrivateKey | Ed25519PrivateKey:
    """Return what signs; Unavailable when the keyring cannot open it. Slow enough (parsing) to be remembered."""
    opened = keyring.open(key.sealed, _row(scope, key.domain))
    private = serialization.load_der_private_key(opened, None)
    assert isinstance(private, RSAPrivateKey | Ed25519PrivateKey)
    return private


def signing_keys(scope: Scope, sender: str) -> Plan[list[StoredKey]]:
    """Return the keys that sign mail From `sender` (an address or a domain) now; none when it leaves unsigned.

    The most specific identity that signs does; an identity whose DKIM is switched off ends the search.
    """
    for name in covering_names(sender):
        identity = yield from identities.get(scope, name)
        if identity is None:
            continue
        if identity.dkim.enabled is False:
            return []
        if identity.is_domain and identity.dkim.signs:
            return [key for key in (yield from of_domain(scope, name)) if key.state == ACTIVE]
    return []


def of_domain(scope: Scope, domain: str) -> Plan[list[StoredKey]]:
    """Return every key of one identity."""
    found = yield from nouns.list_children(scope, _KIND, domain, "", _MOST_KEYS)
    return [_read(noun.document) for noun in found]


def put(scope: Scope, key: StoredKey, now: Millis) -> Plan[None]:
    """Keep a key, in the place of one that had its selector."""
    document = msgspec.json.encode(key).decode()
    if not (yield from nouns.create(scope, _KIND, key.record_name, document, now, parent=key.domain)):
        yield from nouns.change(scope, _KIND, key.record_name, lambda _: document, now)


def drop(scope: Scope, key: StoredKey) -> Plan[None]:
    yield from nouns.delete(scope, _KIND, key.record_name)


def drop_all(scope: Scope, domain: str) -> Plan[None]:
    yield from nouns.delete_children(scope, _KIND, domain)


def _rsa_material(key: RSAPrivateKey) -> KeyMaterial:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return KeyMaterial(RSA, key.key_size, _pkcs8(key), base64.b64encode(public).decode())


def _pkcs8(key: RSAPrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _row(scope: Scope, domain: str) -> str:
    return f"dkim {scope.account}/{scope.region}/{domain}"
