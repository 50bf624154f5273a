"""What people do with users, contact lists, event destinations and the doctor, and what customers see, in a browser."""

from playwright.sync_api import Page, expect

from tests.scenarios.test_dashboard_work import page, sign_in, told, user
from tests.support.server import Server

__all__ = ["page"]  # a fixture


def at(server: Server, path: str) -> str:
    return f"{server.endpoint}/ui/{path}{'&' if '?' in path else '?'}account={server.account}&region=us-east-1"


def test_make_a_user_give_another_password_and_sign_them_out(production: Server, page: Page) -> None:
    login = user(production, "admin")
    sign_in(page, production, login, "/ui/users")
    name = f"ada-{production.account}"
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Role").select_option("read-only")
    page.get_by_role("button", name="Create").click()
    first = page.locator("#new-password").inner_text()
    row = page.get_by_role("row", name=name)
    expect(row).to_contain_text("read-only")
    row.get_by_role("button", name="New password").click()
    expect(page.locator("#new-password")).not_to_have_text(first)
    page.get_by_role("row", name=login.name).get_by_text("you").wait_for()
    row.get_by_text("Remove").click()
    row.get_by_role("button", name="For good").click()
    expect(row).to_have_count(0)
    page.get_by_role("row", name=login.name).get_by_role("button", name="Sign").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()  # it was their own session
    assert [(action, subject.split()[0]) for _, action, subject in told(production) if name in subject] == [
        ("users.password", name),
        ("users.create", name),
    ]


def test_a_list_with_a_topic_and_what_somebody_on_it_wants(production: Server, page: Page) -> None:
    sign_in(page, production, user(production, "member"), "/ui/contact-lists")
    page.get_by_label("Name of a new list").fill("people")
    page.get_by_role("button", name="Create").click()
    page.get_by_text("Add or change a topic").click()
    page.get_by_label("Topic", exact=True).first.fill("news")
    page.get_by_label("What people see").fill("What is new")
    page.get_by_role("button", name="Save topic").click()
    expect(page.get_by_text("Who has said nothing is opted out.")).to_be_visible()

    page.get_by_text("Import a file").click()
    people = "emailAddress,topicPreferences.news\nada@example.net,OPT_IN\nbob@example.net,OPT_OUT\nnobody,OPT_IN\n"
    page.get_by_label("File").set_input_files({"name": "p.csv", "mimeType": "text/csv", "buffer": people.encode()})
    page.get_by_role("button", name="Import").click()
    imports = page.get_by_role("region", name="Imports")
    expect(imports).to_contain_text("2 of 4 lines, 1 could not be")  # by itself, while it goes on
    expect(imports).to_contain_text("line 4")

    page.reload()
    page.get_by_label("Address", exact=True).fill("ad")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="bob@example.net")).to_have_count(0)
    page.get_by_role("link", name="ada@example.net").click()
    page.get_by_label("What is new").select_option("OPT_OUT")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    contact = production.client("sesv2").get_contact(ContactListName="people", EmailAddress="ada@example.net")
    assert contact["TopicPreferences"] == [{"TopicName": "news", "SubscriptionStatus": "OPT_OUT"}]
    page.get_by_label("Gets no mail of this list at all").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("gets nothing")).to_be_visible()


def test_let_a_topic_be_told_and_see_a_test_event(production: Server, page: Page) -> None:
    production.vouch("shop@example.com")
    production.client("sns").create_topic(Name="mail")
    production.client("sesv2").create_configuration_set(ConfigurationSetName="invoices")
    sign_in(page, production, user(production, "member"), "/ui/sets/invoices")
    page.get_by_text("Add an event destination").click()
    page.get_by_label("Name").fill("product")
    page.get_by_label("Open", exact=True).uncheck()
    page.get_by_label("Click", exact=True).uncheck()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Added.")).to_be_visible()
    expect(page.get_by_text(":mail", exact=False).first).to_be_visible()
    page.get_by_label("Send a test from").fill("shop@example.com")
    page.get_by_label("That ends as").select_option("bounce")
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_role("heading", name="Pillarbox looks whether events arrive")).to_be_visible()
    expect(page.get_by_text("bounced").first).to_be_visible()
    page.goto(at(production, "sets/invoices"))
    page.get_by_text("Change").click()
    page.get_by_label("Switched on").first.uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    ses = production.client("sesv2")
    [one] = ses.get_configuration_set_event_destinations(ConfigurationSetName="invoices")["EventDestinations"]
    assert (one["Enabled"], "OPEN" in one["MatchingEventTypes"], "BOUNCE" in one["MatchingEventTypes"]) == (
        False,
        False,
        True,
    )
    page.get_by_text("Change").click()
    page.get_by_role("button", name="Delete product").click()
    expect(page.get_by_text("Nobody is told what becomes of this mail.")).to_be_visible()


def test_ask_the_doctor(server: Server, page: Page) -> None:
    page.goto(f"{server.endpoint}/ui/doctor")
    page.get_by_role("button", name="Look now").click()
    findings = page.get_by_role("region", name="Findings")
    expect(findings).to_contain_text(f"port {server.running.listening.port} (http)")
    expect(page.get_by_text("Looked at")).to_be_visible(timeout=60_000)  # by itself, when the last part is done


def test_put_the_addresses_of_a_file_on_the_suppression_list(production: Server, page: Page) -> None:
    sign_in(page, production, user(production, "member"), "/ui/suppression")
    page.get_by_text("Import a file").click()
    content = b"ada@example.net,BOUNCE\nbob@example.net,COMPLAINT\n"
    page.get_by_label("File").set_input_files({"name": "list.csv", "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("region", name="Imports")).to_contain_text("2 of 2 lines")
    page.reload()
    expect(page.get_by_role("row", name="bob@example.net")).to_contain_text("complained")


def test_a_customer_looks_after_their_own_mail(production: Server, page: Page) -> None:
    ses = production.client("sesv2")
    production.vouch("shop@example.com")
    identity = f"arn:aws:ses:us-east-1:{production.account}:identity/shop@example.com"
    for tenant in ("acme", "globex"):
        ses.create_tenant(TenantName=tenant)
        ses.create_tenant_resource_association(TenantName=tenant, ResourceArn=identity)
        ses.send_email(
            FromEmailAddress="shop@example.com",
            Destination={"ToAddresses": ["success@simulator.amazonses.com"]},
            Content={"Simple": {"Subject": {"Data": f"For {tenant}"}, "Body": {"Text": {"Data": "Hello."}}}},
            TenantName=tenant,
        )
    production.settle()
    sign_in(page, production, user(production, "customer", region="us-east-1", tenant="acme"))
    expect(page.get_by_role("heading", name="acme")).to_be_visible()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Messages").click()
    expect(page.get_by_role("link", name="For acme")).to_be_visible()
    expect(page.get_by_text("globex")).to_have_count(0)
    page.get_by_role("link", name="For acme").click()
    expect(page.get_by_text("The mailbox simulator took the mail")).to_be_visible()
    page.goto(f"{production.endpoint}/ui/queue")
    expect(page.get_by_role("heading", name="acme")).to_be_visible()
