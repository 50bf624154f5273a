"""HTTPS for names of AWS, on loopback: a proxy to which programs say CONNECT, with certificates of its own authority.

A program reaches it by what every program reads from its environment (a proxy
and a file of trusted authorities), so nothing in it is changed. Whatever name
it asks for, behind it is one HTTP server.
"""

import datetime
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class HttpsFront:
    """Answers for `name`, as far as it is asked with GET; `connected` counts who came."""

    proxy_url: str

    def __init__(self, name: str, port: int, folder: Path) -> None:
        self.authority = folder / "authority.pem"
        self._name = name
        self._port = port
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(make_certificate(name, self.authority, folder / "server.pem"))
        self.connected = 0

    @classmethod
    @contextmanager
    def standing(cls, name: str, port: int, folder: Path) -> Iterator["HttpsFront"]:
        """Stand before the server on `port` until the block is left."""
        front = cls(name, port, folder)

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    front._serve(self.request)

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            front.proxy_url = f"http://127.0.0.1:{server.server_address[1]}"
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield front
            server.shutdown()

    @property
    def environment(self) -> dict[str, str]:
        """Return what tells a program to come here."""
        trusted = str(self.authority)
        return {
            "https_proxy": self.proxy_url,
            "no_proxy": "localhost,127.0.0.1",
            "REQUESTS_CA_BUNDLE": trusted,
            "SSL_CERT_FILE": trusted,
        }

    def _serve(self, plain: socket.socket) -> None:
        asked = _read_head(plain)
        if not asked.startswith(f"CONNECT {self._name}:443 ".encode()):
            plain.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            return
        self.connected += 1
        plain.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with self._tls.wrap_socket(plain, server_side=True) as near:
            with socket.create_connection(("127.0.0.1", self._port)) as far:
                far.sendall(_for_one_answer(_read_head(near)))
                while chunk := far.recv(65536):
                    near.sendall(chunk)


def _read_head(plain: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = plain.recv(4096)
        if not chunk:
            break
        head += chunk
    return head


def _for_one_answer(head: bytes) -> bytes:
    """Ask that the connection ends with the answer: these requests have no body, and nothing follows them."""
    first, *lines = head.split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([first, b"Connection: close", *kept])


def make_certificate(name: str, authority_file: Path, server_file: Path) -> Path:
    """Write an authority, and a key with a certificate of it for `name`; return where the latter is."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority for tests")])
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    authority_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _certificate(subject, authority_name, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return server_file


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
