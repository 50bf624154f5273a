"""Signatures that botocore makes are accepted; whatever is changed afterwards is refused."""

import hashlib
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pillarbox.kit.clock import HOUR, MINUTE, SECOND
from pillarbox.wire.faults import Fault
from pillarbox.wire.request import Request
from pillarbox.wire.sigv4 import (
    Claim,
    canonical_path,
    canonical_query,
    canonical_request,
    check_signature,
    check_time,
    read_claim,
)

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
EMPTY = hashlib.sha256(b"").hexdigest()


LOCAL = "http://localhost:4579/"


def signed(method="POST", url=LOCAL, body=b"", headers=FORM, signer=SigV4Auth, token=None, **options):
    """Return what a server would get from botocore."""
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    signer(Credentials(KEY, SECRET, token), "ses", "us-east-1", **options).add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    head = {name.lower(): _text(value) for name, value in prepared.headers.items()} | {"host": parts.netloc}
    return Request(method, parts.path + (f"?{parts.query}" if parts.query else ""), head, prepared.body or b"")


def _text(value):
    return value if isinstance(value, str) else value.decode("latin-1")


def verify(request, secret=SECRET):
    claim = read_claim(request.target, request.headers)
    check_signature(claim, request, secret, hashlib.sha256(request.body).hexdigest())
    return claim


def refusal(request, secret=SECRET):
    with pytest.raises(Fault) as found:
        verify(request, secret)
    return found.value.query_code


def test_the_documented_example_is_accepted():
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, "get-vanilla"
    headers = {
        "host": "example.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    }
    claim = verify(Request("GET", "/", headers, b""), "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    assert (claim.key_id, claim.region, claim.service, claim.at) == (KEY, "us-east-1", "service", 1_440_938_160_000)


@pytest.mark.parametrize(
    "method, url, body",
    [
        ("POST", "http://localhost:4579/", b"Action=SendEmail&Source=a%40b"),
        ("POST", "https://email.us-east-1.amazonaws.com/", b"Action=GetSendQuota"),
        ("POST", "http://localhost:4579", b""),
        ("GET", "http://localhost/?b=2&a=1&a=0&Action=X%20Y&empty=", b""),
        ("GET", "http://localhost/v2/email/identities/a%40b.com", b""),
        ("GET", "http://localhost/v2/email/insights/0100%2F1/", b""),
        ("DELETE", "http://localhost/v2/email/tags?ResourceArn=arn%3Aaws%3A1&TagKeys=b&TagKeys=a", b""),
        ("GET", "http://localhost/v2//email/./x/../account", b""),
        ("GET", "http://localhost/v2/email/a-b_c.d~e/%E2%82%AC", b""),
    ],
)
def test_what_botocore_signs_is_accepted(method, url, body):
    claim = verify(signed(method, url, body))
    assert (claim.key_id, claim.region, claim.service, claim.presigned) == (KEY, "us-east-1", "ses", False)
    assert claim.date == claim.stamp[:8]


def test_blanks_in_header_values_are_trimmed_and_collapsed():
    verify(signed(headers=FORM | {"x-amz-meta": "  a   b \t c  "}))


def test_header_values_beyond_ascii_are_signed_as_their_bytes():
    request = signed(headers=FORM | {"x-amz-meta": "plain"})
    request.headers["x-amz-meta"] = "caf\u00c3\u00a9 \u00c3\u00a0 la"
    claim = read_claim(request.target, request.headers)
    assert "x-amz-meta:caf\u00c3\u00a9 \u00c3\u00a0 la\n" in canonical_request(claim, request, EMPTY)


def test_the_signed_host_keeps_its_port():
    request = signed()
    assert request.headers["host"] == "localhost:4579"
    request.headers["host"] = "localhost"
    assert refusal(request) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "change",
    [
        lambda request: setattr(request, "method", "PUT"),
        lambda request: setattr(request, "target", "/x"),
        lambda request: setattr(request, "target", "/?a=1"),
        lambda request: setattr(request, "body", b"Action=SendEmail&Source=other"),
        lambda request: request.headers.update({"content-type": "text/plain"}),
        lambda request: request.headers.pop("content-type"),
        lambda request: _edit(request, "us-east-1", "eu-west-1"),
        lambda request: _edit(request, "/ses/", "/sns/"),
        lambda request: _edit(request, "Signature=", "Signature=0"),
        lambda request: _edit(request, "Signature=", "Signature=\u00e9"),
        lambda request: _edit(request, "content-type;host", "host;content-type"),
        lambda request: request.headers.update({"x-amz-date": "20200101T000000Z"}),
    ],
)
def test_any_change_after_signing_is_a_mismatch(change):
    request = signed(body=b"Action=SendEmail&Source=a%40b")
    change(request)
    assert refusal(request) == "SignatureDoesNotMatch"


def _edit(request, old, new):
    assert old in request.headers["authorization"]
    request.headers["authorization"] = request.headers["authorization"].replace(old, new)


def test_another_secret_is_a_mismatch():
    assert refusal(signed(), "other") == "SignatureDoesNotMatch"


def test_a_header_that_speaks_of_the_body_is_not_believed():
    request = signed(body=b"Action=A", headers=FORM | {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    assert refusal(request) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "extra",
    [
        {"x-amz-security-token": "t"},
        {"x-amz-target": "AmazonSQS.DeleteQueue"},
    ],
)
def test_headers_that_matter_must_be_signed(extra):
    request = signed()
    request.headers.update(extra)
    with pytest.raises(Fault) as found:
        read_claim(request.target, request.headers)
    assert found.value.query_code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", ["host", "x-amz-date"])
def test_host_and_date_must_be_signed(name):
    request = signed()
    names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    _edit(request, names, ";".join(each for each in names.split(";") if each != name))
    assert refusal(request) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_session_tokens_are_unknown_here(signer):
    assert refusal(signed("GET", "http://h/?Action=A", headers={}, signer=signer, token="t")) == "InvalidClientTokenId"


def test_a_request_without_credentials_makes_no_claim():
    assert read_claim("/?Action=A", {"host": "h"}) is None


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 nonsense",
        "AWS4-ECDSA-P256-SHA256 Credential=k/20150830/ses/aws4_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 SignedHeaders=host;x-amz-date, Signature=0",
        "AWS4-HMAC-SHA256 Credential=k/20150830/us-east-1/ses/aws4_request, Signature=0",
        "AWS4-HMAC-SHA256 Credential=k/20150830/us-east-1/ses/aws4_request, SignedHeaders=host;x-amz-date",
        "AWS4-HMAC-SHA256 Credential=k/20150830/us-east-1/ses, SignedHeaders=host;x-amz-date, Signature=0",
        "AWS4-HMAC-SHA256 Credential=k/20150830/us east/ses/aws4_request, SignedHeaders=host, Signature=0",
        "",
    ],
)
def test_a_malformed_authorization_is_incomplete(authorization):
    headers = {"host": "h", "x-amz-date": "20150830T123600Z", "authorization": authorization}
    with pytest.raises(Fault) as found:
        read_claim("/", headers)
    assert (found.value.query_code, found.value.status) == ("IncompleteSignature", 400)


@pytest.mark.parametrize("date", ["", "yesterday", "20159930T123600Z", "20150830T123600", "Z" * 100])
def test_an_unreadable_date_is_incomplete(date):
    request = signed()
    request.headers["x-amz-date"] = date
    assert refusal(request) == "IncompleteSignature"


def test_the_older_date_header_serves_when_it_is_signed():
    headers = {
        "host": "example.amazonaws.com",
        "date": "Sun, 30 Aug 2015 12:36:00 GMT",
        "authorization": "AWS4-HMAC-SHA256 Credential=k/20150830/us-east-1/ses/aws4_request, "
        "SignedHeaders=date;host, Signature=0",
    }
    assert read_claim("/", headers).at == 1_440_938_160_000
    headers["authorization"] = headers["authorization"].replace("date;host", "host")
    with pytest.raises(Fault):
        read_claim("/", headers)


def test_the_scope_must_be_of_the_day_of_the_date():
    request = signed()
    claim = read_claim(request.target, request.headers)
    _edit(request, f"/{claim.date}/", "/20150830/")
    assert refusal(request) == "SignatureDoesNotMatch"


# Presigned


def presigned(url="http://localhost:4579/?Action=ListIdentities&Version=2010-12-01", **options):
    return signed("GET", url, headers={}, signer=SigV4QueryAuth, **options)


def test_what_botocore_presigns_is_accepted():
    claim = verify(presigned(expires=60))
    assert (claim.presigned, claim.expires_seconds, claim.key_id) == (True, 60, KEY)


@pytest.mark.parametrize(
    "old, new",
    [
        ("Action=ListIdentities", "Action=DeleteIdentity"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
    ],
)
def test_a_changed_presigned_url_is_a_mismatch(old, new):
    request = presigned(expires=60)
    assert old in request.target
    request.target = request.target.replace(old, new)
    assert refusal(request) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("expires", [0, 604_801, -1])
def test_a_presigned_url_lives_between_a_second_and_a_week(expires):
    assert refusal(presigned(expires=expires)) == "IncompleteSignature"


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders"])
def test_a_presigned_url_needs_all_its_parts(name):
    request = presigned()
    request.target = request.target.replace(f"X-Amz-{name}=", f"X-{name}=")
    assert refusal(request) == "IncompleteSignature"


def test_a_part_of_a_presigned_url_cannot_be_given_twice():
    request = presigned(expires=60)
    request.target += "&X-Amz-Expires=600"
    assert refusal(request) == "IncompleteSignature"


# Time

AT = 1_728_417_322_000  # 2024-10-08T19:55:22Z
CLAIM = Claim("k", "20241008", "r", "ses", ("host",), "0", AT, "20241008T195522Z")


def expiry(claim, now, window_seconds=300):
    with pytest.raises(Fault) as found:
        check_time(claim, now, window_seconds)
    assert (found.value.query_code, found.value.code) == ("SignatureDoesNotMatch", "InvalidSignatureException")
    return found.value.message


def test_the_window_is_fifteen_minutes_either_way():
    for distance in (-15 * MINUTE, 0, 15 * MINUTE):
        check_time(CLAIM, AT + distance)
    for distance in (-15 * MINUTE - SECOND, 15 * MINUTE + SECOND):
        with pytest.raises(Fault):
            check_time(CLAIM, AT + distance)


def test_the_texts_are_those_of_aws():
    assert expiry(CLAIM, AT + 558 * SECOND) == (
        "Signature expired: 20241008T195522Z is now earlier than 20241008T195940Z (20241008T200440Z - 5 min.)"
    )
    assert expiry(CLAIM, AT - 10 * MINUTE) == (
        "Signature not yet current: 20241008T195522Z is still later than 20241008T195022Z (20241008T194522Z + 5 min.)"
    )


def test_a_presigned_url_expires_when_it_says():
    claim = replace(CLAIM, presigned=True, expires_seconds=3600)
    check_time(claim, AT + HOUR)
    assert expiry(claim, AT + HOUR + 1).startswith("Signature expired: 20241008T205522Z is now earlier than")
    assert expiry(claim, AT - HOUR).startswith("Signature not yet current")


# Canonical form


@pytest.mark.parametrize(
    "path, canonical",
    [
        ("", "/"),
        ("/", "/"),
        ("/v2/email/account", "/v2/email/account"),
        ("/v2/email/identities/a%40b", "/v2/email/identities/a%2540b"),
        ("/a//b/./c/../d", "/a/b/d"),
        ("/a/", "/a/"),
        ("/a/..", "/"),
        ("/../a", "/a"),
        ("/a b", "/a%20b"),
        ("/\u00c3\u00a9", "/%C3%A9"),
    ],
)
def test_paths_are_normalised_and_encoded_once_more(path, canonical):
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    "query, canonical",
    [
        ("", ""),
        ("b=1&a=2", "a=2&b=1"),
        ("a=2&a=1&a=10", "a=1&a=10&a=2"),
        ("a-=1&a=2", "a=2&a-=1"),
        ("k=%7E%2a%20+", "k=~%2A%20%20"),
        ("k", "k="),
        ("k=a=b", "k=a%3Db"),
        ("&a=1&", "a=1"),
    ],
)
def test_queries_are_encoded_anew_and_sorted_by_name_then_value(query, canonical):
    assert canonical_query(query, presigned=False) == canonical
