"""Whether shown certificates are those that TLSA records name."""

import datetime
import hashlib
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from pillarbox.delivery.transport.dane import reason_not_proven, usable
from pillarbox.kit.clock import DAY
from pillarbox.kit.dns import Tlsa
from tests.support.clock import NOON

HOST = "mx.example.net"
NAMES = (HOST, "example.net")
NOON_TIME = datetime.datetime.fromtimestamp(NOON / 1000, datetime.UTC)
ROOT_KEY, MIDDLE_KEY, HOST_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))


def certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey,
    *, names: Sequence[str] = (), is_authority: bool = False,
) -> x509.Certificate:  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON_TIME - datetime.timedelta(days=1))
        .not_valid_after(NOON_TIME + datetime.timedelta(days=1))
    )
    if is_authority:
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())


ROOT = certificate("root", ROOT_KEY, "root", ROOT_KEY, is_authority=True)
MIDDLE = certificate("middle", MIDDLE_KEY, "root", ROOT_KEY, is_authority=True)
OWN = certificate("host", HOST_KEY, "middle", MIDDLE_KEY, names=[HOST])
CHAIN = (OWN, MIDDLE, ROOT)


def record(usage: int, selector: int, matching: int, named: x509.Certificate) -> Tlsa:
    key = named.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    data = key if selector else named.public_bytes(Encoding.DER)
    if matching:
        data = (hashlib.sha256 if matching == 1 else hashlib.sha512)(data).digest()
    return Tlsa(usage, selector, matching, data)


def reason(
    records: Sequence[Tlsa], chain: Sequence[x509.Certificate] = CHAIN, names: Sequence[str] = NAMES, at: int = NOON
) -> str | None:
    return reason_not_proven(records, [one.public_bytes(Encoding.DER) for one in chain], names, at)


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize(("usage", "named"), [(3, OWN), (2, MIDDLE), (2, ROOT)])
def test_every_form_of_record_is_understood(usage: int, named: x509.Certificate, selector: int, matching: int) -> None:
    assert reason([record(usage, selector, matching, named)]) is None
    other = certificate("other", ec.generate_private_key(ec.SECP256R1()), "root", ROOT_KEY, is_authority=True)
    assert reason([record(usage, selector, matching, other)]) is not None


def test_one_of_several_records_is_enough() -> None:
    assert reason([Tlsa(3, 1, 1, bytes(32)), record(3, 1, 1, OWN)]) is None


def test_a_named_certificate_needs_no_name_and_no_date() -> None:
    assert reason([record(3, 1, 1, OWN)], names=("other.example.net",), at=NOON + 400 * DAY) is None


def test_below_a_trust_anchor_name_and_date_count() -> None:
    anchor = [record(2, 0, 1, ROOT)]

    assert reason(anchor, names=("other.example.net", HOST)) is None
    assert "does not lead to the trust anchor" in (reason(anchor, names=("other.example.net",)) or "")
    assert "does not lead to the trust anchor" in (reason(anchor, at=NOON + 2 * DAY) or "")


def test_an_anchor_that_is_only_shown_vouches_for_nobody() -> None:
    own = certificate("host", HOST_KEY, "elsewhere", HOST_KEY, names=[HOST])

    assert reason([record(2, 0, 1, ROOT)], (own, ROOT)) is not None


def test_a_host_cannot_vouch_for_another() -> None:
    host = certificate("host", MIDDLE_KEY, "root", ROOT_KEY, names=["other.example.net"])
    forged = certificate("forged", HOST_KEY, "host", MIDDLE_KEY, names=[HOST])

    assert reason([record(2, 0, 1, ROOT)], (forged, host, ROOT)) is not None


def test_an_anchor_that_stands_whole_in_the_record_need_not_be_shown() -> None:
    assert reason([record(2, 0, 0, ROOT)], (OWN, MIDDLE)) is None


def test_only_the_own_certificate_counts_as_the_own() -> None:
    assert reason([record(3, 1, 1, MIDDLE)]) == "it is none of those in the TLSA records"


@pytest.mark.parametrize("shown", [[], [b"not a certificate"]])
def test_no_certificate_proves_nothing(shown: list[bytes]) -> None:
    assert reason_not_proven([record(3, 1, 1, OWN)], shown, NAMES, NOON) is not None


def test_usages_and_forms_that_smtp_does_not_know_cannot_be_used() -> None:
    good = [Tlsa(2, 0, 1, b""), Tlsa(3, 1, 2, b"")]

    assert usable([*good, Tlsa(0, 0, 1, b""), Tlsa(1, 1, 1, b""), Tlsa(3, 2, 1, b""), Tlsa(3, 1, 3, b"")]) == good
