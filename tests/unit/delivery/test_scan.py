"""The antivirus test file is found in whatever way it travels."""

import base64
import quopri

import pytest

from pillarbox.delivery.scan import EicarScanner
from pillarbox.sending.compose import compose
from pillarbox.sending.draft import Attachment, Simple, Text

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR" + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def reason(raw: bytes) -> str | None:
    return EicarScanner().reason_to_reject(raw)


def composed(**simple: object) -> bytes:
    given = {"subject": Text("s"), "text": Text("Hello")} | simple
    return compose(Simple(**given), sender="a@b.example").raw  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["BASE64", "QUOTED_PRINTABLE", "SEVEN_BIT", None])
@pytest.mark.parametrize("content", [EICAR, EICAR + "\r\n", EICAR + " \t\r\n"])
def test_the_test_file_is_found_when_attached(content: str, encoding: str | None) -> None:
    attachment = Attachment("eicar.txt", content.encode(), transfer_encoding=encoding)
    assert reason(composed(attachments=(attachment,))) == "Bad content"


def test_the_test_file_is_found_in_the_body() -> None:
    assert reason(composed(text=Text(EICAR))) == "Bad content"
    assert reason(composed(text=Text("€" * 300 + EICAR, "UTF-8"))) == "Bad content"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["BASE64", "Base64", "base64 "])
def test_the_test_file_is_found_however_the_encoding_is_written(name: str, line_end: str) -> None:
    body = base64.encodebytes(EICAR.encode())
    assert reason(f"Content-Transfer-Encoding: {name}{line_end * 2}".encode() + body) == "Bad content"


def test_the_test_file_is_found_in_broken_lines_and_deep_inside() -> None:
    inner = b"Content-Transfer-Encoding: base64\n\n" + b"\n".join(
        bytes([letter]) for letter in base64.b64encode(EICAR.encode())
    )
    forwarded = b"Content-Type: message/rfc822\n\n" + inner
    outer = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + forwarded + b"\n--b--\n"
    assert reason(outer) == "Bad content"
    coded = quopri.encodestring(EICAR.encode(), quotetabs=True).replace(b"EICAR", b"=45ICA=\nR")
    assert reason(b"Content-Transfer-Encoding: quoted-printable\n\n" + coded) == "Bad content"


def test_ordinary_mail_is_let_through() -> None:
    files = (Attachment("a.bin", bytes(range(256)) * 40), Attachment("b.txt", EICAR[:-1].encode()))
    assert reason(composed(html=Text("<p>€</p>", "UTF-8"), attachments=files)) is None
    assert reason(b"") is None


def test_a_message_of_too_many_parts_is_scanned_as_far_as_it_goes() -> None:
    assert reason(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nbase64\n" * 600) is None
