"""Settings from a file, the environment and flags, and what is not acceptable in them."""

import re
from pathlib import Path

import pytest

from pillarbox.app.transports import warm_ups
from pillarbox.delivery.warm_up import WarmUp
from pillarbox.edge.smtp_tls import make_certificate
from pillarbox.settings import Settings, SettingsError, load

S3 = '[s3]\nendpoint = "https://s3.example.com"\naccess_key_id = "k"\nsecret_access_key = "s"\n'
SMARTHOST = '[smarthost]\nhost = "smtp.example.org"\n'
TO_SMTP = '[[routes]]\ntransport = "smtp"\n'


def of(folder: Path, text: str, environment: dict[str, str] | None = None, **flags: object) -> Settings:
    file = folder / "pillarbox.toml"
    file.write_text(text)
    return load(file, environment or {}, flags)


def test_mail_is_routed_to_a_smarthost(tmp_path: Path) -> None:
    settings = of(tmp_path, TO_SMTP + SMARTHOST)

    assert settings.smarthost is not None
    assert (settings.smarthost.host, settings.smarthost.port) == ("smtp.example.org", 587)
    assert settings.smarthost.tls == "starttls-required" and settings.smarthost.verify
    assert [route.transport for route in settings.routes] == ["smtp"]


def test_the_password_comes_from_the_environment_and_is_not_shown(tmp_path: Path) -> None:
    text = SMARTHOST + 'user = "pillarbox"\npassword = "in the file"\n'
    settings = of(tmp_path, text, {"PILLARBOX_SMARTHOST_PASSWORD": "s3cret"})

    assert settings.smarthost is not None and settings.smarthost.password == "s3cret"
    assert "s3cret" not in f"{settings!r} {settings}"


def test_a_smarthost_may_come_from_the_environment_alone(tmp_path: Path) -> None:
    names = {"HOST": "smtp.example.org", "PORT": "25", "TLS": "starttls"}
    settings = of(tmp_path, TO_SMTP, {f"PILLARBOX_SMARTHOST_{name}": text for name, text in names.items()})

    assert settings.smarthost is not None
    assert (settings.smarthost.port, settings.smarthost.tls) == (25, "starttls")


def test_direct_delivery_needs_no_table_and_may_have_one_from_the_environment(tmp_path: Path) -> None:
    text = '[[routes]]\ntransport = "mx"\n'
    assert of(tmp_path, text).mx is None

    settings = of(tmp_path, text + '[mx]\nfamilies = "ipv4"\n', {"PILLARBOX_MX_HELO": "mail.example.org"})

    assert settings.mx is not None and settings.mx.helo == "mail.example.org"
    assert settings.mx.versions == {4}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TO_SMTP, r"add a table \[smarthost\]"),
        ('[[routes]]\ntransport = "pigeon"\n', "no transport named 'pigeon'"),
        (SMARTHOST + 'passwort = "x"\n', "passwort"),
        (SMARTHOST + "port = 0\n", r"smarthost\.port"),
        (SMARTHOST + 'helo = "mail example"\n', r"smarthost\.helo"),
        ('[smarthost]\nhost = ""\n', r"smarthost\.host"),
        ("[smarthost]\nport = 25\n", "host"),
        (SMARTHOST + 'tls = "maybe"\n', r"smarthost\.tls"),
        (SMARTHOST + "done_seconds = 0\n", r"smarthost\.done_seconds"),
        (SMARTHOST + "password_without_tls = true\n", "loopback"),
        (SMARTHOST + 'user = "u"\npassword = "p"\ntls = "none"\n', "only over TLS"),
        (SMARTHOST + 'user = "u"\n', "PILLARBOX_SMARTHOST_PASSWORD"),
        (SMARTHOST + 'ca_file = "/nowhere/ca.pem"\n', "ca_file /nowhere/ca.pem: No such file"),
        ("smarthost = 5\n", "smarthost"),
        ("[mx]\nport = 0\n", r"mx\.port"),
        ('[mx]\nsource_ipv4 = "::1"\n', "`source_ipv4` ::1 is no address of that kind"),
        ('[mx]\nsource_ipv6 = "mail.example.org"\n', "`source_ipv6` mail.example.org is no address"),
        ('[mx]\nfamilies = "ipv5"\n', r"mx\.families"),
        ('[mx]\nca_file = "/nowhere/ca.pem"\n', "mx: ca_file /nowhere/ca.pem: No such file"),
        ("dev_really_send = true\n", "together with `dev`"),
        ('bodies = "attic"\n', "bodies"),
        ('bodies = "folder:"\n', "bodies"),
        ('bodies = "s3://mail/here"\n', r"add a table \[s3\]"),
        (
            'bodies = "s3://lists/here"\n' + S3 + '[s3.buckets]\nlists = "123456789012"\n',
            "may import from the bucket lists",
        ),
    ],
)
def test_what_cannot_work_is_an_error_that_names_it(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("por = 25\n", "there is no setting `por`; docs/settings.md"),
        ("[mx]\nhello = 1\n", "there is no setting `mx.hello`; docs/settings.md"),
        ("[smarthost]\nport = 25\n", "smarthost: `host` is missing"),
        ("port = 65536\n", "port: Expected `int` <= 65535"),
        ("port = -1\n", "port: Expected `int` >= 0"),
        ('database = "mysql://db/mail"\n', "database: this cannot be its value"),
        ('public_url = "mail.example.org"\n', "public_url: this cannot be its value"),
        ('log_level = "loud"\n', "log_level: Invalid enum value 'loud'; docs/settings.md"),
        ('nameservers = ["ns.example.org"]\n', "'ns.example.org' is neither an address nor address:port"),
        ('nameservers = ["192.0.2.1:dns"]\n', "neither an address nor address:port"),
        ("port = \n", "pillarbox.toml is not TOML: Invalid value"),
    ],
)
def test_what_is_wrong_begins_with_the_name_of_the_setting(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(why)):
        of(tmp_path, text)


def test_an_unknown_setting_from_the_environment_is_told_by_its_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"`mx\.hello` \(PILLARBOX_MX_HELLO in the environment\)"):
        of(tmp_path, "", {"PILLARBOX_MX_HELLO": "1"})


def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'helo = "\xe9"')

    with pytest.raises(SettingsError, match=r"latin\.toml cannot be read: it is not text in UTF-8"):
        load(tmp_path / "latin.toml", {}, {})
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read: No such file"):
        load(tmp_path / "none.toml", {}, {})


@pytest.mark.parametrize("address", ["192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:53"])
def test_a_name_server_is_an_address_with_or_without_a_port(tmp_path: Path, address: str) -> None:
    assert of(tmp_path, f'nameservers = ["{address}"]\n').nameservers == (address,)


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")

    with pytest.raises(SettingsError, match=r"ca_file .*ca\.pem: certificates in PEM are expected"):
        of(tmp_path, SMARTHOST + f'ca_file = "{tmp_path}/ca.pem"\n')


def test_mail_leaves_dev_mode_only_by_a_flag_that_names_the_danger(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--dev-really-send"):
        of(tmp_path, TO_SMTP + SMARTHOST, dev=True)
    with pytest.raises(SettingsError, match="--dev-really-send"):
        of(tmp_path, '[[routes]]\ntransport = "mx"\n', dev=True)

    assert of(tmp_path, TO_SMTP + SMARTHOST, dev=True, dev_really_send=True).dev_really_send
    assert of(tmp_path, '[[routes]]\ntransport = "simulator"\n' + SMARTHOST, dev=True).routes


def test_the_certificate_of_the_smtp_ports_is_looked_at_when_settings_are_read(tmp_path: Path) -> None:
    own, text = tmp_path / "own.pem", f'tls_certificate = "{tmp_path}/own.pem"\n'
    with pytest.raises(SettingsError, match=r"tls_certificate .*own\.pem .*No such file"):
        of(tmp_path, text)
    own.write_bytes(make_certificate("mail.example", 1_700_000_000_000))
    assert of(tmp_path, text).tls_certificate == str(own)
    (tmp_path / "other.pem").write_bytes(make_certificate("mail.example", 1_700_000_000_000))
    with pytest.raises(SettingsError, match="the key is that of another certificate"):
        of(tmp_path, f'{text}tls_key = "{tmp_path}/other.pem"\n')
    own.write_text("no certificate")
    with pytest.raises(SettingsError, match=r"own\.pem .*: a certificate and its key in PEM are expected"):
        of(tmp_path, text)


def test_a_key_without_its_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="`tls_key` belongs to a `tls_certificate`"):
        of(tmp_path, 'tls_key = "own.key"\n')


@pytest.mark.parametrize(
    "address, why",
    [
        ("ops", "is no address"),
        ("@example.org", "is no address"),
        ("ops@mail.example.com", "mail to this server itself"),
        ("ops@mta.MAIL.example.com", "mail to this server itself"),
    ],
)
def test_mail_for_the_operator_never_goes_round(tmp_path: Path, address: str, why: str) -> None:
    ours = 'service_domain = "mail.example.com"\n'
    with pytest.raises(SettingsError, match=why):
        of(tmp_path, f'{ours}operator_address = "{address}"\n')

    assert of(tmp_path, f'{ours}operator_address = "ops@example.com"\n').operator_address == "ops@example.com"


@pytest.mark.parametrize(
    "url", ["click.example.com", "https://click.example.com/path", "ftp://click.example.com", "//x"]
)
def test_tracked_links_lead_to_a_host_and_nothing_else(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="tracking_url"):
        of(tmp_path, f'tracking_url = "{url}"\n')

    assert of(tmp_path, 'tracking_url = "https://click.example.com:8443"\n').tracking_url


UPSTREAM = '[[upstreams]]\nname = "eu-west"\nregion = "eu-west-1"\n'
TO_SES = '[[routes]]\ntransport = "ses"\nupstream = "eu-west"\n'


def test_mail_is_routed_to_an_upstream_whose_secret_is_in_the_environment(tmp_path: Path) -> None:
    secrets = {
        "PILLARBOX_UPSTREAM_EU_WEST_ACCESS_KEY_ID": "AKIA",
        "PILLARBOX_UPSTREAM_EU_WEST_SECRET_ACCESS_KEY": "s3cret",
    }
    settings = of(tmp_path, TO_SES + UPSTREAM, secrets)

    [upstream] = settings.upstreams
    assert (upstream.name, upstream.access_key_id, upstream.secret_access_key) == ("eu-west", "AKIA", "s3cret")
    assert settings.routes[0].upstream == "eu-west"
    assert "s3cret" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (TO_SES, "no table in .*upstreams.* named 'eu-west'"),
        ('[[routes]]\ntransport = "ses"\n' + UPSTREAM, "belong together"),
        ('[[routes]]\ntransport = "mx"\nupstream = "eu-west"\n' + UPSTREAM, "belong together"),
        (UPSTREAM + UPSTREAM, "two have one name"),
        (UPSTREAM + 'access_key_id = "AKIA"\n', "together or not at all"),
        (UPSTREAM + 'fallback = "us"\n', "leads to 'us'"),
        (UPSTREAM + 'fallback = "eu-west"\n', "leads to 'eu-west'"),
        (UPSTREAM + 'endpoint_url = "ftp://example.com"\n', "endpoint_url"),
    ],
)
def test_upstreams_that_cannot_work_are_told_at_once(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        of(tmp_path, text)


def test_a_credential_for_no_upstream_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="UPSTREAM_US_SECRET_ACCESS_KEY"):
        of(tmp_path, UPSTREAM, {"PILLARBOX_UPSTREAM_US_SECRET_ACCESS_KEY": "s3cret"})


def test_a_pool_has_an_address_to_leave_from(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[pools.receipts]\nsource_ipv4 = "192.0.2.26"\n')
    assert load(file, {}, {}).pools["receipts"].source_ipv4 == "192.0.2.26"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[pools.receipts]\nhelo = "a.example"\n', "pools.receipts: a pool needs"),
        ('[pools.receipts]\nsource_ipv4 = "192.0.2.26"\nwarm_up_from = "soon"\n', "warm_up_from"),
        ('[[routes]]\ntransport = "mx"\npool = "receipts"\n', r"no table \[pools.receipts\]"),
        ('[pools.receipts]\nsource_ipv4 = "2001:db8::1"\n', "pools.receipts: `source_ipv4`"),
        ('[pools."two words"]\nsource_ipv4 = "192.0.2.26"\n', "settings:"),
    ],
)
def test_pools_that_cannot_work_are_told_at_once(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=why):
        load(file, {}, {})


def test_a_warm_up_begins_on_a_day(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        '[mx]\nwarm_up_from = 2027-01-31\n[pools.new]\nsource_ipv4 = "192.0.2.26"\nwarm_up_from = "2027-02-01"\n'
    )
    settings = load(file, {}, {})
    assert settings.mx is not None
    assert warm_ups(settings) == {
        "mx": WarmUp(1_801_353_600_000, 50, 30),
        "mx:new": WarmUp(1_801_440_000_000, 50, 30),
    }


def test_a_list_in_the_environment_stands_between_commas_or_spaces() -> None:
    settings = load(None, {"PILLARBOX_NAMESERVERS": "127.0.0.1:53, 192.0.2.1", "PILLARBOX_TRUSTED_PROXIES": ""}, {})
    assert settings.nameservers == ("127.0.0.1:53", "192.0.2.1")
    assert settings.trusted_proxies == ()


EVENTS = "[upstreams.events]\n"
OF_US = 'account = "123456789012"\n'


def test_an_upstream_tells_by_posts_and_through_a_queue(tmp_path: Path) -> None:
    told = 'topics = ["arn:aws:sns:eu-west-1:123456789012:t"]\nqueue_url = "https://sqs.example/1/q"\n'
    (upstream,) = of(tmp_path, UPSTREAM + OF_US + EVENTS + told).upstreams
    assert upstream.events is not None
    assert upstream.events.topics == ("arn:aws:sns:eu-west-1:123456789012:t",)
    assert upstream.events.queue_url == "https://sqs.example/1/q"
    assert not upstream.events.republish


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (UPSTREAM + EVENTS + 'queue_url = "https://sqs.example/1/q"\n', "eu-west: events need .* an `account`"),
        (UPSTREAM + OF_US + EVENTS, "name the `topics` .* or the `queue_url`"),
        (UPSTREAM + OF_US + EVENTS + 'topics = ["t"]\n', "'t' is no ARN of a topic"),
        (UPSTREAM + OF_US + EVENTS + 'queue_url = "sqs"\n', "queue_url"),
        (
            UPSTREAM + OF_US + EVENTS + 'topics = ["arn:aws:sns:a:1:t"]\ncertificate_hosts = ["https://a.example"]\n',
            "'https://a.example' is neither",
        ),
    ],
)
def test_events_that_could_not_come_are_told_at_once(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        of(tmp_path, text)
