"""A domain is verified by publishing what the API answered, and the command line says what is missing."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pillarbox.__main__ import main
from tests.support.name_server import NameServer
from tests.support.server import RunningServer, Server

SERVICE = "post.example.org"
PATIENCE_SECONDS = 20


class Town:
    """A server outside dev mode under a domain of its own, the DNS, and the operator's terminal."""

    def __init__(self, server: Server, zone: NameServer, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.zone = zone
        self.server = server
        self._data = data
        self._capsys = capsys
        self._v1, self._v2 = server.client("ses"), server.client("sesv2")

    async def v1(self, operation: str, **params: Any) -> Any:
        return await asyncio.to_thread(partial(getattr(self._v1, operation), **params))

    async def v2(self, operation: str, **params: Any) -> Any:
        return await asyncio.to_thread(partial(getattr(self._v2, operation), **params))

    async def pillarbox(self, *arguments: str, code: int = 0) -> str:
        """Run a command and return what it printed."""
        assert await asyncio.to_thread(main, [*arguments, "--data", str(self._data)]) == code
        printed = self._capsys.readouterr()
        return printed.err if code else printed.out

    async def identity(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.v2("get_email_identity", EmailIdentity=name)
        return found

    async def until(self, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the identity once something holds of it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds(found := await self.identity(name)):
                await asyncio.sleep(0.05)
            return found


@pytest.fixture
async def town(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Town]:
    async with NameServer() as zone:
        settings = {"nameservers": (zone.address,), "service_domain": SERVICE}
        with RunningServer.started(tmp_path, **settings) as running:
            yield Town(running.for_new_key(), zone, tmp_path, capsys)


async def test_the_txt_record_of_v1_verifies_a_domain(town: Town) -> None:
    token = (await town.v1("verify_domain_identity", Domain="example.com"))["VerificationToken"]
    found = await town.until("example.com", lambda one: "ErrorType" in one["VerificationInfo"])
    assert (found["VerificationStatus"], found["VerificationInfo"]["ErrorType"]) == ("PENDING", "HOST_NOT_FOUND")

    town.zone.add("_amazonses.example.com", "TXT", token)
    await town.v1("verify_domain_identity", Domain="example.com")

    found = await town.until("example.com", lambda one: one["VerifiedForSendingStatus"])
    assert found["VerificationStatus"] == "SUCCESS"
    assert {"LastCheckedTimestamp", "LastSuccessTimestamp"} == found["VerificationInfo"].keys()


async def test_the_three_aliases_of_v2_verify_a_domain(town: Town) -> None:
    dkim = (await town.v2("create_email_identity", EmailIdentity="example.com"))["DkimAttributes"]
    assert dkim["SigningHostedZone"] == f"dkim.{SERVICE}"
    for token in dkim["Tokens"]:
        town.zone.add(f"{token}._domainkey.example.com", "CNAME", f"{token}.{dkim['SigningHostedZone']}.")

    await town.pillarbox("identity", "check", "example.com")  # it also looks again at once

    found = await town.until("example.com", lambda one: one["DkimAttributes"]["Status"] == "SUCCESS")
    assert found["VerifiedForSendingStatus"]


async def test_a_check_says_record_by_record_what_is_there_and_what_to_publish(town: Town) -> None:
    tokens = (await town.v2("create_email_identity", EmailIdentity="example.com"))["DkimAttributes"]["Tokens"]
    await town.v2(
        "put_email_identity_mail_from_attributes", EmailIdentity="example.com", MailFromDomain="bounce.example.com"
    )
    town.zone.add(f"{tokens[0]}._domainkey.example.com", "CNAME", f"{tokens[0]}.dkim.{SERVICE}.")
    town.zone.add(f"{tokens[1]}._domainkey.example.com", "CNAME", f"{tokens[1]}.dkim.amazonses.com.")
    town.zone.break_(f"{tokens[2]}._domainkey.example.com")
    town.zone.add("bounce.example.com", "MX", f"10 feedback-smtp.us-east-1.{SERVICE}.")
    town.zone.add("bounce.example.com", "TXT", "v=spf1 include:elsewhere.example ~all")

    printed = await town.pillarbox("identity", "check", "example.com")

    assert f"example.com: Pending (account {town.server.account}, us-east-1)\n" in printed
    assert f"found     CNAME {tokens[0]}._domainkey.example.com  (dkim)\n" in printed
    assert (
        f"different CNAME {tokens[1]}._domainkey.example.com  (dkim)\n      there is   {tokens[1]}.dkim.ama" in printed
    )
    assert f"unknown   CNAME {tokens[2]}._domainkey.example.com  (dkim)\n      because    CNAME of" in printed
    assert f"publish    {tokens[2]}._domainkey.example.com. IN CNAME {tokens[2]}.dkim.{SERVICE}.\n" in printed
    assert "found     MX    bounce.example.com  (mail from)\n" in printed
    assert (
        "different TXT   bounce.example.com  (spf)\n      there is   v=spf1 include:elsewhere.example ~all" in printed
    )
    assert f'publish    bounce.example.com. IN TXT "v=spf1 include:{SERVICE} ~all"\n' in printed
    assert "not needed: the DKIM records prove whose domain it is" in printed
    assert f"missing   TXT   {tokens[0]}.dkim.{SERVICE}  (dkim)\n" in printed
    assert printed.endswith("4 of the records above are not as they have to be\n")


async def test_what_the_check_and_the_zone_say_makes_everything_right(town: Town) -> None:
    await town.v2("create_email_identity", EmailIdentity="example.com")
    await town.v2(
        "put_email_identity_mail_from_attributes", EmailIdentity="example.com", MailFromDomain="bounce.example.com"
    )
    (report,) = json.loads(await town.pillarbox("identity", "check", "example.com", "--json"))
    zone = json.loads(await town.pillarbox("dns", "zone", "--json"))
    owners = [record for record in report["records"] if record["publisher"] == "owner"]
    for record in [*owners, *(record for record in zone["records"] if record["value"])]:
        dot = "" if record["type"] == "TXT" else "."
        town.zone.add(record["name"], record["type"], record["value"] + dot)

    printed = await town.pillarbox("identity", "check", "example.com")

    assert printed.endswith("all the records are there\n")
    found = await town.until("example.com", lambda one: one["MailFromAttributes"]["MailFromDomainStatus"] == "SUCCESS")
    assert (found["DkimAttributes"]["Status"], found["VerifiedForSendingStatus"]) == ("SUCCESS", True)


async def test_a_second_key_is_added_by_the_operator(town: Town) -> None:
    await town.v2("create_email_identity", EmailIdentity="example.com")
    of = ("--account", town.server.account)
    printed = await town.pillarbox("identity", "ed25519", "example.com", *of)
    assert '._domainkey.example.com. IN TXT "v=DKIM1; k=ed25519; p=' in printed
    assert await town.pillarbox("identity", "ed25519", "example.com", *of) == printed
    assert "(second dkim key)" in await town.pillarbox("identity", "check", "example.com")
    assert "k=ed25519" not in await town.pillarbox("dns", "zone")


async def test_the_zone_is_printed_as_a_zone_file(town: Town) -> None:
    tokens = (await town.v2("create_email_identity", EmailIdentity="example.com"))["DkimAttributes"]["Tokens"]
    lines = (await town.pillarbox("dns", "zone")).splitlines()
    assert f"; mta.{SERVICE}. IN A <address>" in lines
    assert f"{SERVICE}. IN MX 10 mta.{SERVICE}." in lines
    assert f'{SERVICE}. IN TXT "v=spf1 a:mta.{SERVICE} ~all"' in lines
    assert f"; feedback-smtp.us-east-1.{SERVICE}. IN A <address>" in lines
    (key,) = [line for line in lines if line.startswith(f"{tokens[0]}.dkim.{SERVICE}. ")]
    strings = key.partition(" IN TXT ")[2]
    assert strings.startswith('"v=DKIM1; k=rsa; p=') and strings.count('"') == 4  # longer than one string may be


async def test_an_identity_that_nobody_has_is_named(town: Town) -> None:
    missing = await town.pillarbox("identity", "check", "example.net", code=1)
    assert "Identity example.net does not exist; an application makes it" in missing


async def test_a_service_domain_that_cannot_be_in_the_dns_has_no_zone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunningServer.started(tmp_path, dev=True):
        assert await asyncio.to_thread(main, ["dns", "zone", "--data", str(tmp_path)]) == 1
    assert "set it to a domain of yours" in capsys.readouterr().err
