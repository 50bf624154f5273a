"""Contact lists and their topics, which only v2 has.

Translation only; the rules stand in resources/contact_lists.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateContactList.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sesv2 import tags
from pillarbox.resources import contact_lists
from pillarbox.resources.contact_lists import ContactList, Status, Topic

# Few enough that others who write wait only some milliseconds.
_DELETED_AT_ONCE = 2_000


@operation("sesv2", "CreateContactList")
async def create_contact_list(call: Call, params: Params) -> Result:
    tag_pairs = tags.pairs(params.get("Tags", ()))
    await call.store.write(contact_lists.create, call.scope, _contact_list(params), call.now, tag_pairs)
    return {}


@operation("sesv2", "GetContactList")
async def get_contact_list(call: Call, params: Params) -> Result:
    found = await call.store.read(contact_lists.existing, call.scope, params["ContactListName"])
    one = found.contact_list
    return {
        "ContactListName": one.name,
        "Topics": [_topic(topic) for topic in one.topics],
        "Description": one.description or None,
        "CreatedTimestamp": found.created_at,
        "LastUpdatedTimestamp": found.updated_at,
        "Tags": tags.spelled(one.tags),
    }


@operation("sesv2", "ListContactLists")
async def list_contact_lists(call: Call, params: Params) -> Result:
    page = await call.store.read(contact_lists.list_page, call.scope, params.get("NextToken"), params.get("PageSize"))
    return {
        "ContactLists": [
            {"ContactListName": found.contact_list.name, "LastUpdatedTimestamp": found.updated_at}
            for found in page.lists
        ],
        "NextToken": page.next_token,
    }


@operation("sesv2", "UpdateContactList")
async def update_contact_list(call: Call, params: Params) -> Result:
    await call.store.write(contact_lists.update, call.scope, _contact_list(params), call.now)
    return {}


@operation("sesv2", "DeleteContactList")
async def delete_contact_list(call: Call, params: Params) -> Result:
    name = params["ContactListName"]
    # Only the end is for the audit log.
    while await call.services.store.write(contact_lists.shrink, call.scope, name, _DELETED_AT_ONCE):
        pass
    await call.store.write(contact_lists.delete, call.scope, name)
    return {}


def _contact_list(params: Params) -> ContactList:
    topics = tuple(
        Topic(
            given["TopicName"],
            given["DisplayName"],
            Status(given["DefaultSubscriptionStatus"]),
            given.get("Description", ""),
        )
        for given in params.get("Topics", ())
    )
    return ContactList(params["ContactListName"], topics, params.get("Description", ""))


def _topic(topic: Topic) -> Result:
    return {
        "TopicName": topic.name,
        "DisplayName": topic.display_name,
        "Description": topic.description or None,
        "DefaultSubscriptionStatus": topic.default,
    }
