"""The contacts of a list, which only v2 has.

Translation only; the rules stand in resources/contacts.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateContact.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import contacts
from pillarbox.resources.contact_lists import ContactList, Status
from pillarbox.resources.contacts import Contact, Filter, Preferences


@operation("sesv2", "CreateContact")
async def create_contact(call: Call, params: Params) -> Result:
    await call.store.write(contacts.create, call.scope, params["ContactListName"], _contact(params), call.now)
    return {}


@operation("sesv2", "GetContact")
async def get_contact(call: Call, params: Params) -> Result:
    name = params["ContactListName"]
    found, listed = await call.store.read(contacts.get, call.scope, name, params["EmailAddress"])
    return {
        "ContactListName": name,
        **_summary(found, listed),
        "AttributesData": found.attributes or None,
        "CreatedTimestamp": found.created_at,
    }


@operation("sesv2", "ListContacts")
async def list_contacts(call: Call, params: Params) -> Result:
    page = await call.store.read(
        contacts.list_page,
        call.scope,
        params["ContactListName"],
        _filter(params.get("Filter", {})),
        params.get("NextToken"),
        params.get("PageSize"),
    )
    return {
        "Contacts": [_summary(one, page.contact_list) for one in page.contacts],
        "NextToken": page.next_token,
    }


@operation("sesv2", "UpdateContact")
async def update_contact(call: Call, params: Params) -> Result:
    await call.store.write(contacts.update, call.scope, params["ContactListName"], _contact(params), call.now)
    return {}


@operation("sesv2", "DeleteContact")
async def delete_contact(call: Call, params: Params) -> Result:
    await call.store.write(contacts.delete, call.scope, params["ContactListName"], params["EmailAddress"])
    return {}


def _contact(params: Params) -> Contact:
    said = {one["TopicName"]: Status(one["SubscriptionStatus"]) for one in params.get("TopicPreferences", ())}
    attributes = params.get("AttributesData", "")
    return Contact(params["EmailAddress"], said, params.get("UnsubscribeAll", False), attributes)


def _filter(given: Params) -> Filter:
    status = Status(given["FilteredStatus"]) if "FilteredStatus" in given else None
    topic = given.get("TopicFilter", {})
    return Filter(status, topic.get("TopicName", ""), topic.get("UseDefaultIfPreferenceUnavailable", False))


def _summary(found: Contact, listed: ContactList) -> Result:
    return {
        "EmailAddress": found.address,
        "TopicPreferences": _spelled(found.preferences),
        "TopicDefaultPreferences": _spelled({topic.name: topic.default for topic in listed.topics}),
        "UnsubscribeAll": found.unsubscribed,
        "LastUpdatedTimestamp": found.updated_at,
    }


def _spelled(preferences: Preferences) -> list[Result]:
    return [{"TopicName": name, "SubscriptionStatus": status} for name, status in preferences.items()]
