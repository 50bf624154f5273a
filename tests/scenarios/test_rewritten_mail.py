"""Mail whose sender wants to know leaves with links and a pixel of ours; all other mail leaves as it was given."""

from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest

from pillarbox.delivery import tracking_keys
from pillarbox.kit.tracking_links import EVERYONE, Link, Pixel, TrackingLinks
from pillarbox.operate.client import Client
from pillarbox.operate.history import History
from pillarbox.operate.requests import ShowHistory
from tests.support.html_tokens import tokens
from tests.support.server import Server
from tests.support.set_up import configuration_set_told_to

TARGET = "https://www.example.com/a?b=1&c=2"
HTML = (
    '<html><body><p>Hello <a ses:tags="place:top;" href="https://www.example.com/a?b=1&amp;c=2">there</a>'
    ' <a ses:no-track href="https://www.example.com/unsubscribe">Unsubscribe</a></p></body></html>'
)
CLEAN = HTML.replace(' ses:tags="place:top;"', "").replace(" ses:no-track", "")


@pytest.fixture
def sender(server: Server) -> Server:
    server.client("sesv2").create_email_identity(EmailIdentity="example.com")
    return server


def told_of(server: Server, *kinds: str) -> None:
    topic = server.client("sns").create_topic(Name="news")["TopicArn"]
    configuration_set_told_to(server.client("ses"), topic, "set", kinds)


def send(server: Server, *to: str, html: str = HTML, **more: Any) -> str:
    message_id: str = server.client("ses").send_email(
        Source="News <news@example.com>",
        Destination={"ToAddresses": list(to)},
        Message={
            "Subject": {"Data": "What is new"},
            "Body": {"Text": {"Data": f"See {TARGET}"}, "Html": {"Data": html, "Charset": "UTF-8"}},
        },
        **more,
    )["MessageId"]
    server.settle()
    return message_id


def copies(server: Server, message_id: str) -> list[tuple[list[str], Message]]:
    """Return what left, and for whom."""
    running = server.running
    story = Client(running.listening.settings.socket_path).ask(ShowHistory(message_id), History)
    return [
        (one.recipients, message_from_bytes(running.run(running.listening.store.body(one.body))))
        for one in story.captured
    ]


def html_of(mail: Message) -> str:
    (text,) = (part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "text/html")
    assert isinstance(text, bytes)
    return text.decode()


def read(server: Server, url: str) -> Any:
    """Return what the server itself reads from a URL of its own."""
    listening = server.running.listening
    assert url.startswith(f"{listening.public_url}/C")

    async def links() -> TrackingLinks:
        return await tracking_keys.load(listening.store, listening.keyring, 1_800_000_000_000)

    return server.running.run(links()).read(url.removeprefix(listening.public_url).encode())


def urls(html: str, name: str, attribute: str) -> list[str]:
    return [dict(pairs).get(attribute, "") for kind, tag, pairs in tokens(html) if (kind, tag) == ("start", name)]


def test_links_and_pixel_tell_whose_they_are(sender: Server) -> None:
    told_of(sender, "send", "open", "click")

    message_id = send(sender, "ann@house.example", ConfigurationSetName="set")

    ((_, mail),) = copies(sender, message_id)
    html = html_of(mail)
    link, unsubscribe = urls(html, "a", "href")
    (pixel,) = urls(html, "img", "src")
    assert read(sender, link) == Link(message_id, 0, 1, TARGET, "place:top;")
    assert read(sender, pixel) == Pixel(message_id, 0)
    assert unsubscribe == "https://www.example.com/unsubscribe"
    assert "ses:" not in html
    text = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    assert TARGET in text.get_payload()


def test_a_copy_for_several_does_not_pretend_to_know(sender: Server) -> None:
    told_of(sender, "open")

    message_id = send(sender, "ann@house.example", "bo@house.example", ConfigurationSetName="set")

    found = [urls(html_of(mail), "img", "src") for _, mail in copies(sender, message_id)]
    assert [[read(sender, url) for url in some] for some in found] == [[Pixel(message_id, EVERYONE)]]


def test_without_clicks_links_stay(sender: Server) -> None:
    told_of(sender, "open")
    message_id = send(sender, "ann@house.example", ConfigurationSetName="set")

    ((_, mail),) = copies(sender, message_id)
    html = html_of(mail)
    (pixel,) = [one for one in html.partition("<img ")[1:2] if one]
    assert urls(html, "a", "href") == [TARGET, "https://www.example.com/unsubscribe"]
    before, _, rest = html.partition(pixel)
    assert before + rest.partition(">")[2] == CLEAN


@pytest.mark.parametrize("kinds", [("send", "delivery"), ()])
def test_mail_of_which_nobody_is_told_leaves_as_it_was(sender: Server, kinds: tuple[str, ...]) -> None:
    if kinds:
        told_of(sender, *kinds)
    message_id = send(sender, "ann@house.example", **({"ConfigurationSetName": "set"} if kinds else {}))

    ((_, mail),) = copies(sender, message_id)
    assert html_of(mail) == HTML


def test_a_mail_that_verifies_an_address_is_not_tracked(sender: Server) -> None:
    told_of(sender, "open", "click")
    pages = {"SuccessRedirectionURL": "https://house.example/", "FailureRedirectionURL": "https://house.example/no"}
    sender.client("ses").create_custom_verification_email_template(
        TemplateName="welcome",
        FromEmailAddress="news@example.com",
        TemplateSubject="Welcome",
        TemplateContent="<p>Welcome</p>",
        **pages,
    )
    sent = sender.client("ses").send_custom_verification_email(
        EmailAddress="ann@house.example", TemplateName="welcome", ConfigurationSetName="set"
    )
    sender.settle()

    ((_, mail),) = copies(sender, sent["MessageId"])
    assert "/verification/" in html_of(mail)
    assert "/CL0/" not in html_of(mail) and "/CI0/" not in html_of(mail)


def test_what_is_there_for_tracking_alone_is_taken_out_when_a_message_is_not_to_be_tracked(sender: Server) -> None:
    told_of(sender, "open", "click")
    off = {"OpenTrackingEnabled": "DISABLED", "ClickTrackingEnabled": "DISABLED"}
    sent = sender.client("sesv2").send_email(
        FromEmailAddress="news@example.com",
        Destination={"ToAddresses": ["ann@house.example"]},
        Content={
            "Simple": {
                "Subject": {"Data": "s"},
                "Body": {"Html": {"Data": HTML.replace("Hello", "{{ses:openTracker}}Hello")}},
            }
        },
        ConfigurationSetName="set",
        ConfigurationOverrides={"Tracking": off},
    )
    sender.settle()

    ((_, mail),) = copies(sender, sent["MessageId"])
    assert html_of(mail) == f"{CLEAN}\r\n"


def test_a_raw_message_keeps_what_is_no_link(sender: Server) -> None:
    told_of(sender, "click")
    body = f"<p>first</p>\r\n<!--[if mso]>{HTML}<![endif]-->\r\n{HTML.replace('</p>', '')}"
    raw = f"From: news@example.com\r\nTo: ann@house.example\r\nContent-Type: text/html\r\n\r\n{body}"

    message_id = sender.client("ses").send_raw_email(RawMessage={"Data": raw.encode()}, ConfigurationSetName="set")[
        "MessageId"
    ]
    sender.settle()

    ((_, mail),) = copies(sender, message_id)
    left = html_of(mail)
    link, _ = urls(left, "a", "href")
    assert read(sender, link).url == TARGET
    assert left.rstrip("\r\n").replace(link, TARGET.replace("&", "&amp;")) == (
        f"<p>first</p>\r\n<!--[if mso]>{HTML}<![endif]-->\r\n{CLEAN.replace('</p>', '')}"
    )


def test_links_lead_to_the_domain_of_the_set(sender: Server) -> None:
    told_of(sender, "open", "click")
    sender.client("ses").create_configuration_set_tracking_options(
        ConfigurationSetName="set", TrackingOptions={"CustomRedirectDomain": "click.example.com"}
    )

    message_id = send(sender, "ann@house.example", ConfigurationSetName="set")

    ((_, mail),) = copies(sender, message_id)
    html = html_of(mail)
    assert urls(html, "a", "href")[0].startswith("https://click.example.com/CL0/")
    assert urls(html, "img", "src")[0].startswith("http://click.example.com/CI0/")
