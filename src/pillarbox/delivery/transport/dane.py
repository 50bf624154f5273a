"""DANE for SMTP: whether the certificates that a host showed are those that its TLSA records name.

Pure: the clock is an argument. Called by mx.py with records that the resolver
validated. Usages 0 and 1, which trust the web's authorities as well, are not
usable for SMTP; certificate names and dates count for DANE-TA alone.
https://www.rfc-editor.org/rfc/rfc7672
"""

import datetime
import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from pillarbox.kit.clock import SECOND, Millis
from pillarbox.kit.dns import Tlsa

_TRUST_ANCHOR = 2
_END_ENTITY = 3
_WHOLE_CERTIFICATE = 0
_EXACT = 0
_DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}


def usable(records: Sequence[Tlsa]) -> list[Tlsa]:
    """Return the records that SMTP can use; with none of them, a host that has records is only encrypted to.

    https://www.rfc-editor.org/rfc/rfc7672#section-3.1
    """
    return [
        record
        for record in records
        if record.usage in (_TRUST_ANCHOR, _END_ENTITY)
        and record.selector in (0, 1)
        and (record.matching == _EXACT or record.matching in _DIGESTS)
    ]


def reason_not_proven(records: Sequence[Tlsa], shown: Sequence[bytes], names: Sequence[str], now: Millis) -> str | None:
    """Return why the shown chain (DER, the host's own certificate first) is not what the usable records name.

    `names` are those that a certificate below a trust anchor may be made out to.
    """
    if not shown:
        return "no certificate was shown"
    try:
        chain = [x509.load_der_x509_certificate(one) for one in shown]
        if any(record.usage == _END_ENTITY and _matches(record, chain[0]) for record in records):
            return None
        anchors = _anchors(records, chain)
        if not anchors:
            return "it is none of those in the TLSA records"
        return _reason_not_below(anchors, chain, names, now)
    except ValueError as error:
        return f"it cannot be read ({error})"


def _matches(record: Tlsa, certificate: x509.Certificate) -> bool:
    """https://www.rfc-editor.org/rfc/rfc6698#section-2.1.3"""
    if record.selector == _WHOLE_CERTIFICATE:
        selected = certificate.public_bytes(Encoding.DER)
    else:
        selected = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = _DIGESTS.get(record.matching)
    return record.data == (digest(selected).digest() if digest else selected)


def _anchors(records: Sequence[Tlsa], chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the trust anchors: those that were shown, and those that stand whole in a record."""
    named = [record for record in records if record.usage == _TRUST_ANCHOR]
    anchors = [one for one in chain if any(_matches(record, one) for record in named)]
    whole = [record.data for record in named if record.selector == _WHOLE_CERTIFICATE and record.matching == _EXACT]
    return anchors + [x509.load_der_x509_certificate(one) for one in whole]


# Authorities of one's own seldom keep to all that the web's must: what matters is that they are some, and the names.
_ANY_AUTHORITY = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
_ANY_HOST = ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)


def _reason_not_below(
    anchors: Sequence[x509.Certificate], chain: Sequence[x509.Certificate], names: Sequence[str], now: Millis
) -> str | None:
    at = datetime.datetime.fromtimestamp(now / SECOND, datetime.UTC)
    reason = None
    for name in names:
        policy = PolicyBuilder().store(Store(list(anchors))).time(at)
        policy = policy.extension_policies(ca_policy=_ANY_AUTHORITY, ee_policy=_ANY_HOST)
        verifier = policy.build_server_verifier(x509.DNSName(name))
        try:
            verifier.verify(chain[0], list(chain[1:]))
            return None
        except VerificationError as error:
            reason = reason or f"it does not lead to the trust anchor in the TLSA records ({error})"
    return reason
