"""Keys that are good for less than everything, and the log of who changed what."""

import ast
import json
import smtplib
import ssl
from pathlib import Path
from typing import Any

import pytest

import pillarbox
from pillarbox.__main__ import main
from pillarbox.edge.smtp_password import smtp_password
from pillarbox.kit.clock import SystemClock
from pillarbox.operate.audit import Entry
from pillarbox.operate.client import Client
from pillarbox.operate.keys import KeyPair
from pillarbox.operate.requests import CreateKey, ListAudit, RevokeKey
from pillarbox.resources import credentials
from tests.support.refused import refused
from tests.support.server import Server

MESSAGE = {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}}
SIMPLE = {"Simple": MESSAGE}
TO = {"ToAddresses": ["a@example.net"]}
RAW = b"From: jo@one.example\r\nTo: a@example.net\r\nSubject: Hi\r\n\r\nHello\r\n"


def scoped(server: Server, scope: str) -> Server:
    """Return the server as a key of the same account sees it that is good for `scope`."""
    store, keyring = server.running.listening.store, server.running.listening.keyring
    work = store.write(credentials.create, server.account, "app", keyring, SystemClock().now(), scope)
    made = server.running.run(work)
    return Server(server.running, server.account, made.key_id, made.secret)


def denied(server: Server, action: str, resource: str = "") -> str:
    where = f" on resource: {resource}" if resource else ""
    return (
        f"User: arn:aws:iam::{server.account}:user/app is not authorized to perform: {action}{where}"
        f" because no identity-based policy allows the {action} action"
    )


def not_as(server: Server, name: str, action: str = "ses:SendEmail") -> str:
    user = f"arn:aws:iam::{server.account}:user/app"
    resource = f"arn:aws:ses:us-east-1:{server.account}:identity/{name}"
    return f"User `{user}' is not authorized to perform `{action}' on resource `{resource}'"


def send(server: Server, sender: str = "jo@one.example") -> None:
    server.client("ses").send_email(Source=sender, Destination=TO, Message=MESSAGE)


@pytest.fixture
def owner(production: Server) -> Server:
    production.vouch("one.example")
    production.vouch("two.example")
    return production


def test_a_key_to_send_does_nothing_else(owner: Server) -> None:
    app = scoped(owner, "send-only")
    send(app)
    app.client("sesv2").send_email(FromEmailAddress="jo@two.example", Destination=TO, Content=SIMPLE)
    with refused("AccessDenied", denied(app, "ses:GetSendQuota"), 403):
        app.client("ses").get_send_quota()
    with refused("AccessDeniedException", denied(app, "ses:DeleteEmailIdentity"), 403):
        app.client("sesv2").delete_email_identity(EmailIdentity="one.example")
    arn = f"arn:aws:sns:us-east-1:{app.account}:t"
    with refused("AuthorizationError", denied(app, "SNS:Publish", arn), 403):
        app.client("sns").publish(TopicArn=arn, Message="x")
    with refused("AccessDenied", denied(app, "sqs:listqueues"), 403):
        app.client("sqs").list_queues()
    assert app.client("sts").get_caller_identity()["Account"] == app.account


def test_a_key_to_read_changes_and_sends_nothing(owner: Server) -> None:
    app = scoped(owner, "read-only")
    assert app.client("ses").list_identities()["Identities"] == ["one.example", "two.example"]
    app.client("sqs").list_queues()
    with refused("AccessDenied", not_as(app, "one.example"), 403):
        send(app)
    with refused("AccessDenied", denied(app, "ses:VerifyDomainIdentity"), 403):
        app.client("ses").verify_domain_identity(Domain="three.example")
    arn = f"arn:aws:sqs:us-east-1:{app.account}:q"
    with refused("AccessDenied", denied(app, "sqs:receivemessage", arn), 403):
        app.client("sqs").receive_message(QueueUrl=f"{app.endpoint}/{app.account}/q")


def test_a_key_of_an_identity_sends_as_nobody_else(owner: Server) -> None:
    app = scoped(owner, "identity=one.example")
    send(app)
    with refused("AccessDenied", not_as(app, "two.example"), 403):
        send(app, "jo@two.example")
    with refused("AccessDenied", not_as(app, "two.example"), 403):
        app.client("ses").send_email(
            Source="jo@one.example", ReturnPath="b@two.example", Destination=TO, Message=MESSAGE
        )
    with refused("AccessDenied", not_as(app, "two.example", "ses:SendRawEmail"), 403):
        app.client("ses").send_raw_email(RawMessage={"Data": RAW.replace(b"one.example", b"two.example")})
    with refused("AccessDenied", not_as(app, "two.example", "ses:SendRawEmail"), 403):
        app.client("ses").send_raw_email(Source="jo@one.example", RawMessage={"Data": RAW.replace(b"one", b"two")})


def test_logins_by_smtp_obey_the_scope_of_their_key(owner: Server) -> None:
    app = scoped(owner, "identity=one.example")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", app.running.listening.smtp_port, timeout=20) as client:
        client.starttls(context=context)
        client.login(app.key_id, smtp_password(app.secret, "us-east-1"))
        client.sendmail("jo@one.example", ["a@example.net"], RAW)
        with pytest.raises(smtplib.SMTPDataError) as told:
            client.sendmail("jo@two.example", ["a@example.net"], RAW.replace(b"one", b"two"))
    assert told.value.smtp_code == 554
    assert told.value.smtp_error.decode() == f"Access denied: {not_as(app, 'two.example', 'ses:SendRawEmail')}"


def test_every_door_gives_the_scope_of_its_key_to_its_drafts() -> None:
    source = Path(pillarbox.__file__).parent
    calls = [
        (path.name, call)
        for room in ("api", "edge")
        for path in (source / room).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Draft"
    ]
    assert len(calls) >= 5
    assert [name for name, call in calls if "grants" not in {given.arg for given in call.keywords}] == []


def changes(server: Server) -> list[Entry]:
    socket = server.running.listening.settings.socket_path
    return Client(socket).ask(ListAudit(server.account), list[Entry])


def test_the_audit_log_tells_who_changed_what_from_where(production: Server) -> None:
    socket = production.running.listening.settings.socket_path
    pair: Any = Client(socket).ask(CreateKey(production.account, "app", "send-only"), KeyPair)
    production.client("sesv2").create_email_identity(EmailIdentity="one.example")
    production.client("ses").list_identities()
    with refused("AlreadyExistsException"):
        production.client("sesv2").create_email_identity(EmailIdentity="one.example")
    Client(socket).ask(RevokeKey(pair.key_id), type(None))

    who = f"tester ({production.key_id})"
    told = [(one.who, one.source, one.action, one.subject) for one in changes(production)]
    assert told == [
        ("operator", "admin socket", "keys.revoke", pair.key_id),
        (who, "127.0.0.1", "ses:CreateEmailIdentity", "one.example"),
        ("operator", "admin socket", "keys.create", "app send-only"),
    ]
    assert pair.secret not in str(changes(production))


def test_a_key_that_is_revoked_is_refused_at_once(production: Server) -> None:
    production.client("ses").list_identities()
    socket = production.running.listening.settings.socket_path
    Client(socket).ask(RevokeKey(production.key_id), type(None))
    with refused("InvalidClientTokenId", status=403):
        production.client("ses").list_identities()


def test_operators_make_scoped_keys_and_read_the_audit_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        code = main([*arguments, "--data", str(tmp_path)])
        told = capsys.readouterr()
        return code, told.out + told.err

    assert run("keys", "create", "--user", "app", "--scope", "identity=One.example")[0] == 0
    assert "good for identity=One.example alone" in run("keys", "create", "--scope", "identity=One.example")[1]
    assert "identity=one.example" in run("keys", "list")[1]
    code, why = run("keys", "create", "--scope", "all")
    assert code == 1 and "a scope is send-only, read-only, identity=NAME or tenant=NAME, and not 'all'" in why
    listed = json.loads(run("audit", "--json")[1])
    assert [(one["who"], one["source"], one["action"]) for one in listed] == [
        ("operator", "command line", "keys.create"),
        ("operator", "command line", "keys.create"),
    ]
    assert "keys.create" in run("audit", "--most", "1")[1]
