"""How another SES is spoken to: with whose credentials, and what is certain when nothing comes back."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pillarbox.app.upstreams import upstream_of
from pillarbox.delivery.outcome import Accepted, Postponed
from pillarbox.delivery.transport.base import Attempt
from pillarbox.delivery.transport.ses import SesTransport
from pillarbox.delivery.transport.ses_client import NotAnswered, NotAsked, SesClient
from pillarbox.kit.ids import Scope
from pillarbox.settings import UpstreamSetting
from tests.support.far_ses import TOO_FAST, FarSes, Said

SEND = "/v2/email/outbound-emails"
CONTENT = b'{"Destination": {"ToAddresses": ["a@example.net"]}, "Content": {"Raw": {"Data": ""}}}'
KEY: dict[str, Any] = {"access_key_id": "AKIAGIVEN", "secret_access_key": "given"}


@pytest.fixture
def far() -> Iterator[FarSes]:
    with FarSes.listening() as listening:
        yield listening


@pytest.fixture(autouse=True)
def only_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials that this machine happens to have are nobody's business here."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@asynccontextmanager
async def client_of(url: str, **settings: Any) -> AsyncIterator[SesClient]:
    client = SesClient(upstream_of(UpstreamSetting(name="eu", region="eu-west-1", endpoint_url=url, **settings)))
    try:
        yield client
    finally:
        await client.close()


async def test_credentials_are_found_where_the_sdks_find_them(
    far: FarSes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").write_text("[mail]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n")
    async with client_of(far.url, profile="mail") as client:
        await client.post(SEND, CONTENT, {})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFIRST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    async with client_of(far.url) as client:
        await client.post(SEND, CONTENT, {})
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASECOND")
        await client.post(SEND, CONTENT, {})
        client.credentials.forget()
        await client.post(SEND, CONTENT, {})

    keys = [taken.headers["authorization"].partition("Credential=")[2].partition("/")[0] for taken in far.taken]
    assert keys == ["AKIAFILE", "AKIAFIRST", "AKIAFIRST", "AKIASECOND"]


async def test_without_credentials_nothing_is_asked_and_it_is_said_why(far: FarSes) -> None:
    async with client_of(far.url) as client:
        with pytest.raises(NotAsked, match="no credentials for upstream eu"):
            await client.post(SEND, CONTENT, {})
    async with client_of(far.url, profile="nobody") as client:
        with pytest.raises(NotAsked, match="nobody"):
            await client.get("/v2/email/account")

    assert far.asked == []


async def test_a_temporary_key_brings_its_token(far: FarSes) -> None:
    async with client_of(far.url, session_token="for a while", **KEY) as client:
        await client.post(SEND, CONTENT, {})

    assert far.taken[0].headers["x-amz-security-token"] == "for a while"


async def test_an_error_is_read_by_its_code_and_its_text(far: FarSes) -> None:
    far.script.append(TOO_FAST._replace(code="com.amazonaws.ses#TooManyRequestsException:http://x/"))
    async with client_of(far.url, **KEY) as client:
        answer = await client.post(SEND, CONTENT, {})

    assert str(answer) == "429 TooManyRequestsException Maximum sending rate exceeded."


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://nowhere.invalid"])
async def test_who_cannot_be_reached_was_not_asked(url: str) -> None:
    async with client_of(url, connect_seconds=2.0, **KEY) as client:
        with pytest.raises(NotAsked, match="no connection"):
            await client.post(SEND, CONTENT, {})


async def test_who_speaks_no_tls_was_not_asked(far: FarSes) -> None:
    async with client_of(far.url.replace("http:", "https:"), **KEY) as client:
        with pytest.raises(NotAsked):
            await client.post(SEND, CONTENT, {})

    assert not far.taken


@pytest.mark.parametrize(
    ("said", "why"),
    [(Said(breaks=True), "broke off"), (Said(late_seconds=2.0), "no answer within 0.3 seconds")],
    ids=["breaks off", "late"],
)
async def test_what_is_not_answered_may_have_been_done(far: FarSes, said: Said, why: str) -> None:
    far.script.append(said)
    async with client_of(far.url, answer_seconds=0.3, connect_seconds=0.3, **KEY) as client:
        with pytest.raises(NotAnswered, match=why):
            await client.post(SEND, CONTENT, {})

    assert len(far.taken) == 1


async def test_a_large_message_is_signed_as_well_as_a_small_one(far: FarSes) -> None:
    large = CONTENT.replace(b'"Data": ""', b'"Data": "' + b"QUFB" * 100_000 + b'"')
    async with client_of(far.url, **KEY) as client:
        assert (await client.post(SEND, large, {})).is_good

    assert len(far.taken[0].raw) == 300_000


async def test_more_recipients_than_a_call_may_have_are_told_in_several(far: FarSes) -> None:
    recipients = tuple(f"{number}@example.net" for number in range(120))
    scope = Scope("123456789012", "us-east-1")
    attempt = Attempt("m1", 0, 1, scope, "s@example.org", recipients, b"Subject: x\r\n\r\ny", 0, upstream="eu")
    far.script.extend((Said(), TOO_FAST))
    async with client_of(far.url, **KEY) as client:
        outcomes = await SesTransport({"eu": client}).deliver(attempt)

    assert [len(taken.recipients) for taken in far.taken] == [50, 20]
    assert len({taken.headers["amz-sdk-invocation-id"] for taken in far.taken}) == 2
    assert list(outcomes) == list(recipients)
    assert Counter(type(outcome) for outcome in outcomes.values()) == {Accepted: 70, Postponed: 50}
