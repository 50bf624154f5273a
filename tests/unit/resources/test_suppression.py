"""Who gets no mail of an account, and why."""

import pytest

from pillarbox.kit.addresses import InvalidAddress
from pillarbox.kit.errors import Invalid
from pillarbox.kit.ids import Scope
from pillarbox.resources import account, configuration_sets, pages, suppression, tenants
from pillarbox.resources.suppression import Feedback, InvalidListToken, NotSuppressed, Recipient, Suppressed
from pillarbox.resources.suppression_reasons import EVERY_REASON, Reason, Reasons, chosen
from pillarbox.resources.tenants import SuppressionOfTenant
from pillarbox.store import suppressed
from pillarbox.store.engine import Store

HERE = Scope("111111111111", "us-east-1")
ELSEWHERE = Scope("111111111111", "eu-west-1")
SOMEBODY = Scope("222222222222", "us-east-1")
NOW = 1_700_000_000_000
BOUNCE, COMPLAINT = Reason.BOUNCE, Reason.COMPLAINT


async def listed(store: Store, scope: Scope = HERE) -> dict[str, Reason]:
    page = await store.read(suppression.list_page, scope, (), None, None, None, None)
    return {one.address: one.reason for one in page.addresses}


async def held_back(store: Store, *addresses: str, scope: Scope = HERE, with_set: str = "") -> dict[str, Reason]:
    recipients = [Recipient(scope, with_set, address) for address in addresses]
    return {one.address: held.reason for one, held in (await store.read(suppression.held_back, recipients)).items()}


async def hear(store: Store, address: str, reason: Reason, with_set: str = "") -> None:
    told = Feedback(Recipient(HERE, with_set, address), reason, "message-1", "feedback-1", NOW)
    await store.write(suppression.add, [told])


async def test_an_address_is_put_found_and_deleted(store: Store) -> None:
    await store.write(suppression.put, HERE, "ada@example.net", BOUNCE, NOW)
    assert await store.read(suppression.get, HERE, "ada@example.net") == Suppressed(
        "ada@example.net", BOUNCE, NOW, "", ""
    )
    await store.write(suppression.delete, HERE, "ada@example.net")
    for planner in (suppression.get, suppression.delete):
        with pytest.raises(NotSuppressed, match="does not exist on your suppression list"):
            await store.write(planner, HERE, "ada@example.net")


async def test_putting_again_replaces_reason_time_and_what_brought_it_here(store: Store) -> None:
    await hear(store, "ada@example.net", BOUNCE)
    await store.write(suppression.put, HERE, "ada@example.net", COMPLAINT, NOW + 1)
    found = await store.read(suppression.get, HERE, "ada@example.net")
    assert found == Suppressed("ada@example.net", COMPLAINT, NOW + 1, "", "")
    assert await listed(store) == {"ada@example.net": COMPLAINT}


async def test_labels_count_and_the_case_of_the_domain_does_not(store: Store) -> None:
    await store.write(suppression.put, HERE, "Ada+news@Example.NET", BOUNCE, NOW)
    assert await listed(store) == {"Ada+news@example.net": BOUNCE}
    asked = ("Ada+news@example.net", "Ada+news@EXAMPLE.net", "Ada@example.net", "ada+news@example.net")
    assert await held_back(store, *asked) == dict.fromkeys(asked[:2], BOUNCE)


@pytest.mark.parametrize("address", ["", "ada", "a b@example.net", "a@example.net b@example.net"])
async def test_only_an_address_can_be_put(store: Store, address: str) -> None:
    with pytest.raises(InvalidAddress):
        await store.write(suppression.put, HERE, address, BOUNCE, NOW)
    assert await listed(store) == {}


async def test_an_account_in_the_sandbox_cannot_put(store: Store) -> None:
    with pytest.raises(Invalid, match="sandbox"):
        await store.write(suppression.put, HERE, "ada@example.net", BOUNCE, NOW, True)
    assert await listed(store) == {}


async def test_the_simulator_is_neither_put_nor_added_nor_held_back(store: Store) -> None:
    address = "bounce@Simulator.amazonses.com"
    with pytest.raises(Invalid, match="simulator"):
        await store.write(suppression.put, HERE, address, BOUNCE, NOW)
    await hear(store, address, BOUNCE)
    assert await listed(store) == {}
    row = suppressed.SuppressedRow(*HERE, "", "bounce@simulator.amazonses.com", "BOUNCE", "", "", NOW)
    await store.write(suppressed.put, [row])
    assert await held_back(store, address) == {}


async def test_lists_of_accounts_and_regions_are_apart(store: Store) -> None:
    await store.write(suppression.put, HERE, "ada@example.net", BOUNCE, NOW)
    asked = [Recipient(scope, "", "ada@example.net") for scope in (HERE, ELSEWHERE, SOMEBODY)]
    assert await store.read(suppression.held_back, asked) == {asked[0]: (BOUNCE, False)}
    assert await listed(store, ELSEWHERE) == await listed(store, SOMEBODY) == {}


@pytest.mark.parametrize(
    ("of_account", "of_set", "held"),
    [
        (EVERY_REASON, None, {"b@x": BOUNCE, "c@x": COMPLAINT}),
        ((BOUNCE,), None, {"b@x": BOUNCE}),
        ((), None, {}),
        (EVERY_REASON, (), {}),
        (EVERY_REASON, (COMPLAINT,), {"c@x": COMPLAINT}),
        ((), EVERY_REASON, {"b@x": BOUNCE, "c@x": COMPLAINT}),
    ],
)
async def test_the_reasons_of_the_set_come_before_those_of_the_account(
    store: Store, of_account: Reasons, of_set: Reasons | None, held: dict[str, Reason]
) -> None:
    await store.write(account.set_suppressed_reasons, HERE, of_account, NOW)
    await store.write(configuration_sets.create, HERE, "news", NOW)
    await store.write(configuration_sets.set_suppressed_reasons, HERE, "news", of_set, NOW)
    for address, reason in (("b@x", BOUNCE), ("c@x", COMPLAINT)):
        await store.write(suppression.put, HERE, address, reason, NOW)

    assert await held_back(store, "a@x", "b@x", "c@x", with_set="news") == held
    without = {"b@x": BOUNCE, "c@x": COMPLAINT}
    assert await held_back(store, "b@x", "c@x") == {one: why for one, why in without.items() if why in of_account}


@pytest.mark.parametrize(
    ("of_account", "of_set", "added"),
    [
        (EVERY_REASON, None, {"b@x": BOUNCE, "c@x": COMPLAINT}),
        ((COMPLAINT,), None, {"c@x": COMPLAINT}),
        (EVERY_REASON, (), {}),
        ((), (BOUNCE,), {"b@x": BOUNCE}),
    ],
)
async def test_what_is_heard_is_added_for_the_reasons_in_force(
    store: Store, of_account: Reasons, of_set: Reasons | None, added: dict[str, Reason]
) -> None:
    await store.write(account.set_suppressed_reasons, HERE, of_account, NOW)
    await store.write(configuration_sets.create, HERE, "news", NOW)
    await store.write(configuration_sets.set_suppressed_reasons, HERE, "news", of_set, NOW)
    for address, reason in (("b@x", BOUNCE), ("c@x", COMPLAINT)):
        await hear(store, address, reason, "news")

    assert await listed(store) == added


async def test_what_is_heard_names_its_message(store: Store) -> None:
    await hear(store, "Ada@Example.net", COMPLAINT, "a set that is gone")
    found = await store.read(suppression.get, HERE, "Ada@example.net")
    assert found == Suppressed("Ada@example.net", COMPLAINT, NOW, "message-1", "feedback-1")


async def test_a_long_list_is_asked_for_in_full(store: Store) -> None:
    await store.write(suppression.put, HERE, "a7000@example.net", BOUNCE, NOW)
    await store.write(suppression.put, HERE, "a1@example.net", BOUNCE, NOW)
    many = [f"a{number}@example.net" for number in range(12_000)]
    assert set(await held_back(store, *many)) == {"a1@example.net", "a7000@example.net"}


async def test_pages_go_by_time_and_then_by_address(store: Store) -> None:
    for address, at in (("c@x", NOW), ("a@x", NOW + 1), ("b@x", NOW), ("d@x", NOW + 2)):
        await store.write(suppression.put, HERE, address, BOUNCE, at)
    seen, token = [], None
    while True:
        page = await store.read(suppression.list_page, HERE, (), None, None, token, 1)
        seen += [one.address for one in page.addresses]
        if (token := page.next_token) is None:
            break
    assert seen == ["b@x", "c@x", "a@x", "d@x"]


async def test_a_list_is_narrowed_by_reason_and_time(store: Store) -> None:
    for number in range(4):
        reason = COMPLAINT if number % 2 else BOUNCE
        await store.write(suppression.put, HERE, f"a{number}@x", reason, NOW + number)

    async def found(reasons: Reasons, since: int | None, until: int | None) -> list[str]:
        page = await store.read(suppression.list_page, HERE, reasons, since, until, None, None)
        return [one.address for one in page.addresses]

    assert await found((COMPLAINT,), None, None) == ["a1@x", "a3@x"]
    assert await found((), NOW + 1, NOW + 3) == ["a1@x", "a2@x"]
    assert await found(EVERY_REASON, NOW + 3, None) == ["a3@x"]
    assert await found((BOUNCE,), None, NOW) == []


@pytest.mark.parametrize("token", ["", "x", "!", "MTIz\u00e4"])
async def test_a_token_is_one_that_was_given(store: Store, token: str) -> None:
    if not token:
        assert (await store.read(suppression.list_page, HERE, (), None, None, token, None)).next_token is None
        return
    with pytest.raises(InvalidListToken):
        await store.read(suppression.list_page, HERE, (), None, None, token, None)


async def test_a_page_has_a_longest_size(store: Store) -> None:
    with pytest.raises(Invalid):
        await store.read(suppression.list_page, HERE, (), None, None, None, pages.LONGEST_PAGE + 1)


def test_a_reason_is_chosen_once() -> None:
    assert chosen(["COMPLAINT", "BOUNCE", "COMPLAINT"]) == (COMPLAINT, BOUNCE)
    with pytest.raises(ValueError, match="DISLIKE"):
        chosen(["DISLIKE"])


@pytest.mark.parametrize(
    ("of_tenant", "of_set", "reasons", "own_list"),
    [
        (None, (None, None), EVERY_REASON, False),
        (SuppressionOfTenant((BOUNCE,), False), (None, None), (BOUNCE,), False),
        (SuppressionOfTenant((BOUNCE,), True), (None, None), (BOUNCE,), True),
        (SuppressionOfTenant((), True), (None, None), (), True),
        (SuppressionOfTenant((BOUNCE,), True), ((COMPLAINT,), None), (COMPLAINT,), True),
        (SuppressionOfTenant((BOUNCE,), True), (None, False), (BOUNCE,), False),
        (None, (None, True), EVERY_REASON, True),
    ],
)
async def test_the_set_is_asked_first_then_the_tenant_then_the_account(
    store: Store,
    of_tenant: SuppressionOfTenant | None,
    of_set: tuple[Reasons | None, bool | None],
    reasons: Reasons,
    own_list: bool,
) -> None:
    made = await store.write(tenants.create, HERE, "acme", NOW, of_tenant)
    await store.write(configuration_sets.create, HERE, "news", NOW)
    await store.write(configuration_sets.set_suppressed_reasons, HERE, "news", of_set[0], NOW, of_set[1])

    found = await store.read(suppression.in_force, HERE, "news", "acme")

    assert found == (reasons, made.tenant_id if own_list else "")
    assert (await store.read(suppression.in_force, HERE, "news", "")).list_id == ""


async def test_feedback_on_mail_of_a_tenant_is_kept_from_the_others(store: Store) -> None:
    for name in ("acme", "other"):
        await store.write(tenants.create, HERE, name, NOW, SuppressionOfTenant(EVERY_REASON, True))
    told = Feedback(Recipient(HERE, "", "ada@example.net", "acme"), BOUNCE, "message-1", "feedback-1", NOW)
    await store.write(suppression.add, [told])

    asked = [Recipient(HERE, "", "ada@example.net", tenant) for tenant in ("acme", "other", "")]

    assert await store.read(suppression.held_back, asked) == {asked[0]: (BOUNCE, True)}
    assert await listed(store) == {}
    await store.write(tenants.delete, HERE, "acme")
    await store.write(tenants.create, HERE, "acme", NOW, SuppressionOfTenant(EVERY_REASON, True))
    assert await store.read(suppression.held_back, asked) == {}
