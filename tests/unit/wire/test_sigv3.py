"""The legacy signature: over the Date header alone."""

import pytest

from pillarbox.wire.faults import Fault
from pillarbox.wire.sigv3 import check_signature, check_time, read_claim

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
DATE = "Tue, 06 Oct 2020 10:00:00 GMT"
SIGNATURE = "RSEVfT6NbkDp/a8Fh1/0psNDYO2J9z30wMXqwDHQVRM="
AT = 1_601_978_400_000


def headers(value=f"AWS3-HTTPS AWSAccessKeyId=AKID,Algorithm=HmacSHA256,Signature={SIGNATURE}", **more):
    return {"x-amzn-authorization": value, "date": DATE} | more


@pytest.mark.parametrize(
    "value",
    [
        f"AWS3-HTTPS AWSAccessKeyId=AKID,Algorithm=HmacSHA256,Signature={SIGNATURE}",
        f"AWS3-HTTPS AWSAccessKeyId=AKID, Algorithm=HMACSHA256, Signature={SIGNATURE}",
        f"aws3-https AWSAccessKeyId=AKID , Algorithm=hmacsha256 ,Signature={SIGNATURE}",
    ],
)
def test_the_signed_date_is_accepted(value):
    claim = read_claim(headers(value))
    assert (claim.key_id, claim.at) == ("AKID", AT)
    check_signature(claim, SECRET)


def test_old_clients_sign_with_sha_1():
    value = "AWS3-HTTPS AWSAccessKeyId=AKID,Algorithm=HmacSHA1,Signature=oVYqgdcMbHYLgUgGPwVUIFQpxuA="
    with pytest.raises(Fault):
        check_signature(read_claim(headers(value)), SECRET)
    good = value.replace("oVYqgdcMbHYLgUgGPwVUIFQpxuA=", _sha1())
    check_signature(read_claim(headers(good)), SECRET)


def _sha1():
    import base64
    import hmac

    return base64.b64encode(hmac.digest(SECRET.encode(), DATE.encode(), "sha1")).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"date": "Tue, 06 Oct 2020 10:00:01 GMT"},
        {"x-amzn-authorization": "AWS3-HTTPS AWSAccessKeyId=AKID,Algorithm=HmacSHA256,Signature=AAAA"},
        {"x-amzn-authorization": "AWS3-HTTPS AWSAccessKeyId=AKID,Algorithm=HmacSHA256,Signature=\u00e9"},
    ],
)
def test_another_date_or_signature_is_a_mismatch(change):
    with pytest.raises(Fault) as found:
        check_signature(read_claim(headers() | change), SECRET)
    assert found.value.query_code == "SignatureDoesNotMatch"


def test_another_secret_is_a_mismatch():
    with pytest.raises(Fault):
        check_signature(read_claim(headers()), "other")


def test_no_header_is_no_claim():
    assert read_claim({"date": DATE}) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "AWS3 AWSAccessKeyId=AKID,Algorithm=HmacSHA256,SignedHeaders=Host;Date,Signature=x",
        "AWS3-HTTPS AWSAccessKeyId=AKID,Algorithm=HmacSHA256",
        "AWS3-HTTPS AWSAccessKeyId=AKID,Signature=x",
        "AWS3-HTTPS Algorithm=HmacSHA256,Signature=x",
        "AWS3-HTTPS AWSAccessKeyId=AKID,Algorithm=HmacMD5,Signature=x",
        "AWS3-HTTPS " + "x" * 2_000,
    ],
)
def test_a_malformed_header_is_incomplete(value):
    with pytest.raises(Fault) as found:
        read_claim(headers(value))
    assert found.value.query_code == "IncompleteSignature"


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_a_date_that_cannot_be_read_is_incomplete(date):
    with pytest.raises(Fault) as found:
        read_claim(headers(date=date))
    assert found.value.query_code == "IncompleteSignature"


def test_the_window_holds_both_ways():
    claim = read_claim(headers())
    check_time(claim, AT + 900_000)
    check_time(claim, AT - 900_000)
    for now in (AT + 901_000, AT - 901_000):
        with pytest.raises(Fault) as found:
            check_time(claim, now)
        assert found.value.query_code == "SignatureDoesNotMatch"
