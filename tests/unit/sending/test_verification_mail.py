"""Where the link stands in an account's own mail."""

import pytest

from pillarbox.resources.custom_verification import CustomTemplate
from pillarbox.sending.verification_mail import with_link

URL = "https://mail.example/verification/abc?x=1&y=2"


def html_of(content: str) -> str:
    simple = with_link(CustomTemplate("n", "d@example.com", "Grüße", content, "https://a.b/", "https://a.b/"), URL)
    assert simple.subject.data == "Grüße"
    assert simple.html is not None
    return simple.html.data


@pytest.mark.parametrize(
    ("content", "before", "after"),
    [
        ("Hi", "Hi\n", ""),
        ("<html><body><p>Hi</p></body></html>", "<html><body><p>Hi</p>\n", "</body></html>"),
        ("<HTML><p>Hi</HTML >", "<HTML><p>Hi\n", "</HTML >"),
    ],
)
def test_the_link_follows_the_content_and_stays_in_the_document(content: str, before: str, after: str) -> None:
    html = html_of(content)
    assert html.startswith(before + '<p><a href="https://mail.example/verification/abc?x=1&amp;y=2"')
    assert html.endswith(after)
    assert html.count("<a ") == 1
    assert "ses:no-track" in html


def test_the_recipient_is_told_what_to_do_with_a_mail_that_they_did_not_ask_for() -> None:
    assert "If you did not ask for this message" in html_of("Hi")
