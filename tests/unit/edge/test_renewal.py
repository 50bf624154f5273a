"""A certificate is followed when it is renewed, and kept when what replaces it is of no use."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from pillarbox.edge.renewal import Renewal
from pillarbox.edge.smtp_tls import make_certificate

NOW = 1_700_000_000_000


class Served:
    """A context with a certificate in two files, and what is shown to who connects."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.put("first.example")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, self.key)
        self.renewal = Renewal(self.context, str(self.certificate), str(self.key))

    def put(self, name: str, *, certificate: bool = True, key: bool = True) -> None:
        mark = b"-----BEGIN CERTIFICATE-----"
        private, _, public = make_certificate(name, NOW).partition(mark)
        if key:
            self.key.write_bytes(private)
        if certificate:
            self.certificate.write_bytes(mark + public)

    def shown(self) -> str:
        """Shake hands in memory and return the name in the certificate."""
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trusting.wrap_bio(to_client, to_server)
        server = self.context.wrap_bio(to_server, to_client, server_side=True)
        for side in (client, server, client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        der = client.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).subject.rfc4514_string()


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


def test_a_renewed_certificate_is_shown_to_who_connects_next(served: Served) -> None:
    assert served.shown() == "CN=first.example"
    served.put("second.example")
    assert served.shown() == "CN=first.example"
    served.renewal.look()
    assert served.shown() == "CN=second.example"


@pytest.mark.parametrize("halves", [{"key": False}, {"certificate": False}])
def test_half_of_a_new_pair_changes_nothing(served: Served, halves: dict[str, bool]) -> None:
    served.put("second.example", **halves)
    served.renewal.look()
    assert served.shown() == "CN=first.example"


@pytest.mark.parametrize("said", [None, b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_certificate_that_is_gone_or_broken_changes_nothing_until_it_is_there_again(
    served: Served, said: bytes | None
) -> None:
    served.certificate.unlink()
    if said is not None:
        served.certificate.write_bytes(said)
    served.renewal.look()
    assert served.shown() == "CN=first.example"
    served.put("third.example")
    served.renewal.look()
    assert served.shown() == "CN=third.example"
