"""People leave a list: from the mail program, by the page, and by nothing else."""

import json
import smtplib
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from playwright.sync_api import Browser, expect

from pillarbox.store import outgoing
from tests.support.listening_queue import ListeningQueue
from tests.support.refused import refused
from tests.support.server import Server

LIST = {"ContactListName": "readers"}
TOPICS = [
    {
        "TopicName": "news",
        "DisplayName": "News & <more>",
        "Description": "Once a week.",
        "DefaultSubscriptionStatus": "OPT_IN",
    },
    {"TopicName": "offers", "DisplayName": "Offers", "DefaultSubscriptionStatus": "OPT_OUT"},
]
JANE = "jane@example.net"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Shop:
    """A sender with a list, who hears of bounces and subscriptions."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ses = server.client("sesv2")
        self.ses.create_email_identity(EmailIdentity="shop.example")
        self.queue = ListeningQueue(server)
        self.ses.create_configuration_set(ConfigurationSetName="told")
        self.ses.create_configuration_set_event_destination(
            ConfigurationSetName="told",
            EventDestinationName="topic",
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": ["BOUNCE", "SUBSCRIPTION"],
                "SnsDestination": {"TopicArn": self.queue.topic_arn},
            },
        )
        self.ses.create_contact_list(**LIST, Topics=TOPICS)
        self._http = urllib3.PoolManager()

    def send(self, *to: str, topic: str | None = "news", **members: Any) -> str:
        options = {**LIST, **({"TopicName": topic} if topic else {})}
        body = {
            "Text": {"Data": "Leave: {{amazonSESUnsubscribeUrl}} bye"},
            "Html": {"Data": '<p>K\u00f6ln</p><a href="{{amazonSESUnsubscribeUrl}}">leave</a>', "Charset": "UTF-8"},
        }
        sent = self.ses.send_email(
            FromEmailAddress="news@shop.example",
            Destination={"ToAddresses": list(to) or [JANE]},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": body}},
            ConfigurationSetName="told",
            ListManagementOptions=options,
            **members,
        )
        message_id: str = sent["MessageId"]
        self.server.settle()
        return message_id

    def captured(self, message_id: str) -> EmailMessage:
        """Return a message as it left."""
        (capture,) = self.server.read(outgoing.captures_of, message_id)
        running = self.server.running
        return message_from_bytes(running.run(running.listening.store.body(capture.body)), policy=default)

    def events(self, kind: str) -> list[dict[str, Any]]:
        heard = [json.loads(one["Message"]) for one in self.queue.heard() if one["Message"].startswith("{")]
        return [one for one in heard if one.get("eventType") == kind]

    def status(self, address: str = JANE) -> tuple[bool, dict[str, str]]:
        found = self.ses.get_contact(**LIST, EmailAddress=address)
        said = {one["TopicName"]: one["SubscriptionStatus"] for one in found["TopicPreferences"]}
        return found["UnsubscribeAll"], said

    def request(self, method: str, url: str, form: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
        body = urlencode(form, doseq=True) if form is not None else None
        return self._http.request(
            method,
            url,
            body=body,
            headers={**(FORM if form else {}), **headers},
            redirect=False,
            retries=False,
            timeout=20,
        )

    def link(self, message_id: str) -> str:
        return str(self.captured(message_id)["List-Unsubscribe"]).strip("<>")


@pytest.fixture
def shop(server: Server) -> Shop:
    return Shop(server)


def preferences(leaves_all: bool, news: str, offers: str) -> dict[str, Any]:
    return {
        "unsubscribeAll": leaves_all,
        "topicSubscriptionStatus": [
            {"topicName": "news", "subscriptionStatus": news},
            {"topicName": "offers", "subscriptionStatus": offers},
        ],
    }


def test_mail_to_a_contact_says_how_to_leave_the_list(shop: Shop) -> None:
    mail = shop.captured(shop.send())

    url = str(mail["List-Unsubscribe"]).strip("<>")
    assert url.startswith(f"{shop.server.endpoint}/unsubscribe/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None and html is not None
    assert text.get_content().strip() == f"Leave: {url} bye"
    assert html.get_content().strip() == f'<p>K\u00f6ln</p><a href="{url}">leave</a>'
    assert shop.status() == (False, {})  # whoever was not known is a contact now


def test_a_mail_program_unsubscribes_with_one_click(shop: Shop) -> None:
    first = shop.send()
    url = shop.link(first)

    for _ in range(2):
        answer = shop.request("POST", url, {"List-Unsubscribe": "One-Click"})
        assert answer.status == 200
    assert shop.status() == (False, {"news": "OPT_OUT"})
    (event,) = shop.events("Subscription")
    assert event["mail"]["messageId"] == first
    assert event["subscription"].pop("timestamp").endswith("Z")
    assert event["subscription"] == {
        "contactList": "readers",
        "source": "UnsubscribeHeader",
        "newTopicPreferences": preferences(False, "OptOut", "OptOut"),
        "oldTopicPreferences": preferences(False, "OptIn", "OptOut"),
    }

    second = shop.send()
    (bounce,) = shop.events("Bounce")
    assert bounce["mail"]["messageId"] == second
    assert bounce["bounce"]["bounceType"] == "Permanent"
    assert bounce["bounce"]["bounceSubType"] == "UnsubscribedRecipient"
    assert [one["emailAddress"] for one in bounce["bounce"]["bouncedRecipients"]] == [JANE]
    with refused("NotFoundException", status=404):  # the address is as good as it was
        shop.ses.get_suppressed_destination(EmailAddress=JANE)


def test_one_click_may_be_posted_as_multipart(shop: Shop) -> None:
    url = shop.link(shop.send())
    body = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    answer = urllib3.PoolManager().request(
        "POST", url, body=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert answer.status == 200
    assert shop.status() == (False, {"news": "OPT_OUT"})


def test_one_click_leaves_everything_when_the_mail_has_no_topic(shop: Shop) -> None:
    url = shop.link(shop.send(topic=None))
    shop.request("POST", url, {"List-Unsubscribe": "One-Click"})
    assert shop.status() == (True, {})
    shop.send()
    assert len(shop.events("Bounce")) == 1


def test_a_scanner_that_looks_at_links_unsubscribes_nobody(shop: Shop) -> None:
    url = shop.link(shop.send())
    for method in ("GET", "HEAD", "GET"):
        page = shop.request(method, url)
        assert page.status == 200
        assert page.headers["cache-control"] == "no-store"
        assert "script" not in page.headers["content-security-policy"]
    for method, form in (("GET", None), ("POST", {"a": "b"}), ("POST", None), ("PUT", None), ("DELETE", None)):
        shop.request(method, f"{url}?List-Unsubscribe=One-Click", form)
    assert shop.status() == (False, {})
    assert shop.events("Subscription") == []


def test_only_the_link_itself_opens_the_page(shop: Shop) -> None:
    url = shop.link(shop.send())
    other = shop.link(shop.send("other@example.net"))
    head, tail = url[:-20], other[-20:]
    for wrong in (url[:-1], f"{url}A", head + tail, url.rpartition("/")[0] + "/", url.rpartition("/")[0] + "/\u00e9"):
        for method, form in (("GET", None), ("POST", {"List-Unsubscribe": "One-Click"})):
            answer = shop.request(method, wrong, form)
            assert answer.status == 404
            assert "example.net" not in answer.data.decode()
    assert shop.status() == (False, {})


def test_a_form_that_is_too_long_is_not_read(shop: Shop) -> None:
    url = shop.link(shop.send())
    assert shop.request("POST", url, {"topic": "x" * 20_000, "do": "leave-all"}).status == 413
    assert shop.status() == (False, {})


def test_the_page_chooses_topics(shop: Shop) -> None:
    url = shop.link(shop.send())

    page = shop.request("POST", url, {"do": "save", "topic": ["offers", "none"]})

    assert page.status == 200
    assert shop.status() == (False, {"news": "OPT_OUT", "offers": "OPT_IN"})
    (event,) = shop.events("Subscription")
    assert event["subscription"]["source"] == "PreferencePage"
    shop.request("POST", url, {"do": "leave-all"})
    shop.request("POST", url, {"do": "save"})  # nothing checked
    assert shop.status()[0] is True
    shop.request("POST", url, {"do": "save", "topic": "news"})
    assert shop.status() == (False, {"news": "OPT_IN", "offers": "OPT_OUT"})


@pytest.mark.parametrize(
    ("wish", "language", "word"),
    [
        ("de-CH,de;q=0.9,en;q=0.5", "de", "Auswahl speichern"),
        ("fr", "fr", "Enregistrer mon choix"),
        ("xx, es;q=0.1", "es", "Guardar mi elecci\u00f3n"),
        ("zh-Hans-CN, en;q=0.5", "zh-CN", "\u4fdd\u5b58\u6211\u7684\u9009\u62e9"),
        ("", "en", "Save my choice"),
    ],
)
def test_the_page_speaks_the_reader_s_language(shop: Shop, wish: str, language: str, word: str) -> None:
    page = shop.request("GET", shop.link(shop.send()), **{"Accept-Language": wish})
    assert page.headers["content-language"] == language
    assert f'<html lang="{language}">' in page.data.decode()
    assert word in page.data.decode()
    assert "News &amp; &lt;more&gt;" in page.data.decode()


def test_mail_to_several_tells_nobody_how_to_unsubscribe_the_others(shop: Shop) -> None:
    mail = shop.captured(shop.send(JANE, "joe@example.net"))
    assert mail["List-Unsubscribe"] is None
    assert "{{amazonSESUnsubscribeUrl}}" in str(mail)
    shop.ses.update_contact(**LIST, EmailAddress=JANE, UnsubscribeAll=True)
    shop.queue.heard()
    shop.send(JANE, "joe@example.net")
    (bounce,) = shop.events("Bounce")
    assert [one["emailAddress"] for one in bounce["bounce"]["bouncedRecipients"]] == [JANE]


def by_the_api(server: Server, raw: bytes) -> str:
    return str(server.client("ses").send_raw_email(RawMessage={"Data": raw})["MessageId"])


def by_smtp(server: Server, raw: bytes) -> str:
    with smtplib.SMTP("127.0.0.1", server.running.listening.smtp_port, timeout=20) as client:
        client.login(server.key_id, "any password in dev mode")
        client.mail("news@shop.example")
        client.rcpt(JANE)
        code, text = client.data(raw)
        assert code == 250, text
        return text.decode().removeprefix("Ok ")


@pytest.mark.parametrize("send", [by_the_api, by_smtp])
def test_mail_that_the_caller_made_names_its_list_in_a_header(shop: Shop, send: Callable[[Server, bytes], str]) -> None:
    raw = (
        b"From: news@shop.example\r\nTo: jane@example.net\r\nSubject: x\r\n"
        b"X-SES-LIST-MANAGEMENT-OPTIONS: readers; topic=news\r\n"
        b"List-Unsubscribe: <https://old.example/>\r\n\r\n{{amazonSESUnsubscribeUrl}}\r\n"
    )
    message_id = send(shop.server, raw)
    shop.server.settle()
    mail = shop.captured(message_id)
    assert mail["X-SES-LIST-MANAGEMENT-OPTIONS"] is None
    assert mail.get_all("List-Unsubscribe") == [f"<{mail.get_content().strip()}>"]
    shop.request("POST", shop.link(message_id), {"List-Unsubscribe": "One-Click"})
    assert shop.status() == (False, {"news": "OPT_OUT"})


def test_a_list_or_topic_that_is_not_there_refuses_the_mail(shop: Shop) -> None:
    with refused("NotFoundException", status=404):
        shop.send(topic="sport")
    raw = b"From: news@shop.example\r\nTo: a@example.net\r\nX-SES-LIST-MANAGEMENT-OPTIONS: others\r\n\r\nx\r\n"
    with refused("InvalidParameterValue", "List with name: others doesn't exist."):
        shop.server.client("ses").send_raw_email(RawMessage={"Data": raw})


def test_the_link_outlives_its_list(shop: Shop) -> None:
    url = shop.link(shop.send())
    shop.ses.delete_contact_list(**LIST)
    for method, form in (("GET", None), ("POST", {"List-Unsubscribe": "One-Click"})):
        page = shop.request(method, url, form)
        assert page.status == 200
        assert "does not exist any more" in page.data.decode()
        assert "<form" not in page.data.decode()


def test_the_page_in_a_browser_without_scripts(shop: Shop, browser: Browser) -> None:
    url = shop.link(shop.send())
    context = browser.new_context(java_script_enabled=False, color_scheme="dark", locale="en-GB")
    try:
        tab = context.new_page()
        complaints: list[str] = []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.goto(url)
        expect(tab.get_by_role("heading", level=1)).to_have_text("Your e-mail preferences")
        expect(tab.get_by_label("News & <more>")).to_be_checked()
        expect(tab.get_by_label("Offers")).not_to_be_checked()
        tab.get_by_label("News & <more>").uncheck()
        tab.get_by_label("Offers").check()
        tab.get_by_role("button", name="Save my choice").click()
        expect(tab.get_by_role("status")).to_have_text("Your choice is saved.")
        assert shop.status() == (False, {"news": "OPT_OUT", "offers": "OPT_IN"})
        tab.get_by_role("button", name="Unsubscribe from everything").click()
        expect(tab.get_by_label("Offers")).not_to_be_checked()
        assert shop.status()[0] is True
        assert complaints == []
    finally:
        context.close()


def test_each_recipient_of_a_split_send_has_a_link_of_their_own(shop: Shop) -> None:
    arn = f"arn:aws:ses:us-east-1:{shop.server.account}:configuration-set/told"
    shop.ses.tag_resource(ResourceArn=arn, Tags=[{"Key": "pillarbox:split-recipients", "Value": "true"}])
    first = shop.send(JANE, "joe@example.net")
    second = f"{first[:-1]}1"
    urls = {shop.link(first), shop.link(second)}
    assert len(urls) == 2

    shop.request("POST", shop.link(second), {"List-Unsubscribe": "One-Click"})

    assert shop.status(JANE) == (False, {})
    assert shop.status("joe@example.net") == (False, {"news": "OPT_OUT"})
    shop.queue.heard()
    shop.send(JANE, "joe@example.net")
    (bounce,) = shop.events("Bounce")
    assert [one["emailAddress"] for one in bounce["bounce"]["bouncedRecipients"]] == ["joe@example.net"]


def test_the_way_out_is_not_tracked(shop: Shop) -> None:
    destination = {"Enabled": True, "MatchingEventTypes": ["CLICK", "OPEN"]}
    destination["SnsDestination"] = {"TopicArn": shop.queue.topic_arn}
    shop.ses.create_configuration_set_event_destination(
        ConfigurationSetName="told", EventDestinationName="clicks", EventDestination=destination
    )
    html = shop.captured(shop.send()).get_body(("html",))
    assert html is not None
    assert "/CI0/" in html.get_content()  # the message is tracked
    assert f'<a href="{shop.server.endpoint}/unsubscribe/' in html.get_content()
