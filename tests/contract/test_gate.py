"""The gate: who gets in, and what everybody else is told. Nothing that is refused changes anything."""

import json
import xml.etree.ElementTree as ElementTree
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from hmac import digest
from typing import Any

import botocore.auth
import pytest

from pillarbox.store import messages
from pillarbox.store.plan import Plan, Rows
from tests.support.server import Server
from tests.support.signing import FORM, Answer, form, send, signed

QUOTA = form(Action="GetSendQuota", Version="2010-12-01")
SEND = {
    "Action": "SendEmail",
    "Version": "2010-12-01",
    "Source": "a@example.com",
    "Destination.ToAddresses.member.1": "b@example.net",
    "Message.Subject.Data": "x",
    "Message.Body.Text.Data": "y",
}


def everything(account: str) -> Plan[tuple[int, int]]:
    messages = yield Rows("SELECT count(*) FROM messages WHERE account = ?", (account,))
    nouns = yield Rows("SELECT count(*) FROM nouns WHERE account = ?", (account,))
    return messages[0][0], nouns[0][0]


def error_of(answer: Answer) -> tuple[int, str, str]:
    """Return status, code and message of an error in any of the protocols."""
    if answer.headers["content-type"] == "text/xml":
        root = ElementTree.fromstring(answer.body)
        found = {element.tag.rpartition("}")[2]: element.text or "" for element in root.iter()}
        return answer.status, found["Code"], found["Message"]
    told = json.loads(answer.body)
    code = answer.headers.get("x-amzn-errortype") or told["__type"].rpartition("#")[2]
    return answer.status, code, told["message"]


def post(server: Server, body: bytes, headers: dict[str, str], target: str = "/", method: str = "POST") -> Answer:
    return send(server.endpoint, method, target, headers, body)


def test_a_valid_signature_gets_in(production: Server) -> None:
    answer = post(production, QUOTA, signed(production, QUOTA))

    assert answer.status == 200
    assert b"GetSendQuotaResult" in answer.body
    assert answer.headers["x-amzn-requestid"]


CALLS = {
    "a quota": QUOTA,
    "nothing": b"",
    "nothing that there is": form(Action="Nothing", Version="2010-12-01"),
    "with a member missing": form(Action="SendEmail", Version="2010-12-01", Source="a@example.com"),
    "without a signature": b"unsigned",
    "more than is read before the head is judged": QUOTA + b"&Nothing=" + b"x" * 100_000,
}


@pytest.mark.parametrize("body", CALLS.values(), ids=CALLS)
def test_a_call_is_answered_the_same_when_a_proxy_makes_it(production: Server, body: bytes) -> None:
    def told(**headers: str) -> tuple[object, ...]:
        proof = {"Content-Type": FORM} if body == b"unsigned" else signed(production, body)
        answer = post(production, body, proof | headers)
        request_id = answer.headers.pop("x-amzn-requestid")
        del answer.headers["date"]
        return answer.status, answer.headers, answer.text.replace(request_id, "id")

    assert told() == told(**{"X-Forwarded-Proto": "http"})


def test_a_trusted_proxy_says_for_whom_it_calls(server: Server) -> None:
    server.client("ses").verify_email_identity(EmailAddress="a@example.com")
    body = form(**SEND)

    def source_of_call(**headers: str) -> str:
        answer = post(server, body, signed(server, body) | headers)
        (message_id,) = [one.text or "" for one in ElementTree.fromstring(answer.body).iter() if "MessageId" in one.tag]
        row = server.read(messages.get, message_id)
        assert row is not None
        source: str = json.loads(row.mail)["source_ip"]
        return source

    assert source_of_call() == "127.0.0.1"
    assert source_of_call(**{"X-Forwarded-For": "203.0.113.9"}) == "203.0.113.9"


@pytest.mark.parametrize("service", ["ses", "email"])
def test_both_names_of_ses_may_sign(production: Server, service: str) -> None:
    assert post(production, QUOTA, signed(production, QUOTA, service=service)).status == 200


def test_without_credentials(production: Server) -> None:
    answer = post(production, QUOTA, {"Content-Type": FORM})
    assert error_of(answer)[:2] == (403, "MissingAuthenticationToken")

    answer = post(production, b"{}", {"Content-Type": "application/json"}, "/v2/email/outbound-emails")
    assert error_of(answer) == (403, "MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=x",
        "AWS4-HMAC-SHA256 Credential=AKIA/20261123/us-east-1/ses/aws4_request, SignedHeaders=host",
        "Bearer abc",
        "AWS4-HMAC-SHA256 Credential=A, SignedHeaders=host;x-amz-date, Signature=00",
    ],
)
def test_a_malformed_authorization(production: Server, authorization: str) -> None:
    headers = {"Content-Type": FORM, "X-Amz-Date": "20261123T000000Z", "Authorization": authorization}

    assert error_of(post(production, QUOTA, headers))[:2] == (400, "IncompleteSignature")


def test_an_unknown_key(production: Server) -> None:
    headers = signed(production, QUOTA, key_id="AKIAUNKNOWNUNKNOWN00")

    assert error_of(post(production, QUOTA, headers)) == (
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    )


def test_a_revoked_key_is_unknown_at_once(production: Server) -> None:
    from pillarbox.resources import credentials

    assert post(production, QUOTA, signed(production, QUOTA)).status == 200
    production.running.run(production.running.listening.store.write(credentials.revoke, production.key_id))

    assert error_of(post(production, QUOTA, signed(production, QUOTA)))[1] == "InvalidClientTokenId"


def test_a_wrong_secret(production: Server) -> None:
    status, code, message = error_of(post(production, QUOTA, signed(production, QUOTA, secret="wrong")))

    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert message.startswith("The request signature we calculated does not match the signature you provided.")


def test_a_changed_body_changes_nothing(production: Server) -> None:
    production.vouch("example.com")
    before = production.read(everything, production.account)
    body = form(**SEND)
    headers = signed(production, body)

    answer = post(production, body.replace(b"b%40example.net", b"c%40example.net"), headers)

    assert error_of(answer)[1] == "SignatureDoesNotMatch"
    assert production.read(everything, production.account) == before
    assert post(production, body, headers).status == 200


def test_a_request_signed_for_another_service_is_refused(production: Server) -> None:
    assert error_of(post(production, QUOTA, signed(production, QUOTA, service="sqs")))[0] in (403, 400)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_date_outside_the_window(production: Server, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: then, raising=True)

    status, code, message = error_of(post(production, QUOTA, signed(production, QUOTA)))

    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert message.startswith("Signature expired" if minutes < 0 else "Signature not yet current")


def test_session_tokens_were_never_issued(production: Server) -> None:
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", production.endpoint + "/", {"Content-Type": FORM}, QUOTA)
    token = Credentials(production.key_id, production.secret, "a-session-token")
    botocore.auth.SigV4Auth(token, "ses", "us-east-1").add_auth(request)

    assert error_of(post(production, QUOTA, dict(request.headers.items())))[1] == "InvalidClientTokenId"


def test_a_presigned_url_gets_in_until_it_expires(production: Server) -> None:
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    def presigned(expires: int) -> str:
        url = f"{production.endpoint}/?Action=GetSendQuota&Version=2010-12-01"
        request = AWSRequest("GET", url)
        credentials = Credentials(production.key_id, production.secret)
        botocore.auth.SigV4QueryAuth(credentials, "ses", "us-east-1", expires=expires).add_auth(request)
        return str(request.url).removeprefix(production.endpoint)

    target = presigned(3600)
    assert send(production.endpoint, "GET", target, {}).status == 200
    assert error_of(send(production.endpoint, "GET", target.replace("GetSendQuota", "ListIdentities"), {}))[0] == 403
    assert error_of(send(production.endpoint, "GET", presigned(0), {}))[0] in (400, 403)


def test_the_legacy_signature_gets_in_where_it_is_allowed(production: Server, server: Server) -> None:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    signature = b64encode(digest(production.secret.encode(), date.encode(), sha256)).decode()
    header = f"AWS3-HTTPS AWSAccessKeyId={production.key_id}, Algorithm=HmacSHA256, Signature={signature}"
    headers = {"Content-Type": FORM, "Date": date, "X-Amzn-Authorization": header}

    assert post(production, QUOTA, headers).status == 200
    assert post(production, QUOTA, headers | {"X-Amzn-Authorization": header[:-4] + "AAA="}).status == 403
    assert error_of(post(server, QUOTA, headers))[1] == "MissingAuthenticationToken"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form(Action="NoSuchAction", Version="2010-12-01"), "InvalidAction"),
        (form(Version="2010-12-01"), "MissingAction"),
        (b"", "MissingAction"),
        (b"Action=%ZZ&%", None),
        (b"\xff\xfe\x00", None),
        (b"{}", "MissingAction"),
    ],
)
def test_bodies_that_ask_for_nothing(production: Server, body: bytes, code: str | None) -> None:
    status, got, _ = error_of(post(production, body, signed(production, body)))

    assert 400 <= status < 500
    assert code in (None, got)


def test_a_body_over_the_limit_is_not_read_to_its_end(production: Server) -> None:
    body = b"Action=SendEmail&Padding=" + b"x" * 20_000_001

    answer = post(production, body, signed(production, body))
    assert error_of(answer)[:2] == (413, "RequestEntityTooLarge")


def test_a_stranger_is_refused_before_his_body_is_read(production: Server) -> None:
    headers = {"Content-Type": FORM, "Content-Length": "19000000"}

    answer = send(production.endpoint, "POST", "/", headers)  # the body never comes
    assert error_of(answer)[1] == "MissingAuthenticationToken"


@pytest.mark.parametrize("field", ["Source", "Destination.ToAddresses.member.1", "Message.Subject.Data", "ReturnPath"])
@pytest.mark.parametrize("breaking", ["\r\n", "\n", "\r"])
def test_no_field_can_smuggle_a_header(production: Server, field: str, breaking: str) -> None:
    production.vouch("example.com")
    before = production.read(everything, production.account)
    params: dict[str, Any] = {**SEND, "ReturnPath": "a@example.com"}
    params[field] = f"{params[field]}{breaking}Bcc: victim@example.org"
    body = form(**params)

    status, code, _ = error_of(post(production, body, signed(production, body)))

    assert (status, code) == (400, "InvalidParameterValue")
    assert production.read(everything, production.account) == before


def test_truncated_base64_is_refused(production: Server) -> None:
    production.vouch("example.com")
    params = {"Action": "SendRawEmail", "Version": "2010-12-01", "RawMessage.Data": "RnJvbTogYUBleGFtcGxlLmNvbQ="}
    body = form(**params)

    assert error_of(post(production, body, signed(production, body)))[0] == 400


def test_an_error_names_the_request_and_nothing_else(production: Server) -> None:
    answer = post(production, QUOTA, signed(production, QUOTA, secret="wrong"))

    assert answer.headers["x-amzn-requestid"] in answer.text
    assert production.secret not in answer.text


def test_two_accounts_never_see_each_other(server: Server) -> None:
    other = server.running.for_new_account()
    server.client("ses").verify_email_identity(EmailAddress="mine@example.com")

    assert other.client("ses").list_identities()["Identities"] == []
    assert server.client("ses", region="eu-west-1").list_identities()["Identities"] == []
    assert server.client("ses").list_identities()["Identities"] == ["mine@example.com"]
