"""SNS: subscriptions, and the links that confirm and end them.

Translation only; the rules stand in pubsub/subscriptions.py.
"""

from collections.abc import Sequence

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sns.access import entered
from pillarbox.api.sns.pages import LENGTH, rest_after, start_of
from pillarbox.api.unsigned import ANONYMOUS
from pillarbox.pubsub import subscribers, subscription_lists, subscriptions, topic_access, topics
from pillarbox.pubsub.subscribers import PENDING
from pillarbox.pubsub.subscription_lists import Listed
from pillarbox.pubsub.subscriptions import Wanted


@operation("sns", "Subscribe")
async def subscribe(call: Call, params: Params) -> Result:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html#amazonsns-policy-keys
    keys = {"sns:protocol": (params["Protocol"],), "sns:endpoint": (params.get("Endpoint") or "",)}
    place, _ = await entered(call, params["TopicArn"], "Subscribe", keys)
    account = call.scope.account
    wanted = Wanted(
        topic=place.name,
        protocol=params["Protocol"],
        endpoint=params.get("Endpoint") or "",
        attributes=params.get("Attributes") or {},
        principal=f"arn:aws:iam::{account}:user/{call.user_name}",
        owner="" if account == place.scope.account else account,
    )
    named = subscriptions.named(place.scope, wanted, call.services.keyring)
    made = await call.store.write(subscriptions.subscribe, place.scope, named, call.now)
    is_shown = params.get("ReturnSubscriptionArn") or not made.is_pending
    return {"SubscriptionArn": made.arn if is_shown else "pending confirmation"}


@operation("sns", "ConfirmSubscription")
async def confirm_subscription(call: Call, params: Params) -> Result:
    place = topic_access.place_of(params["TopicArn"], call.scope.region)
    proof = subscriptions.Confirmation(
        params["Token"],
        is_signed=call.user_name != ANONYMOUS,
        needs_signature_to_remove=params.get("AuthenticateOnUnsubscribe", "").lower() == "true",
    )
    return {"SubscriptionArn": await call.store.write(subscriptions.confirm, *place, proof, call.now)}


@operation("sns", "Unsubscribe")
async def unsubscribe(call: Call, params: Params) -> Result:
    place = subscribers.place_of(params["SubscriptionArn"], call.scope.region)
    is_signed = call.user_name != ANONYMOUS
    await call.store.write(subscriptions.unsubscribe, *place, call.scope.account, is_signed, call.now)
    return {}


@operation("sns", "ListSubscriptions")
async def list_subscriptions(call: Call, params: Params) -> Result:
    start = start_of(params)
    return _page(await call.store.read(subscription_lists.of_account, call.scope, start, LENGTH + 1, call.now))


@operation("sns", "ListSubscriptionsByTopic")
async def list_subscriptions_by_topic(call: Call, params: Params) -> Result:
    place, _ = await entered(call, params["TopicArn"], "ListSubscriptionsByTopic")
    start = start_of(params)
    return _page(await call.store.read(subscription_lists.of_topic, *place, start, LENGTH + 1, call.now))


@operation("sns", "GetSubscriptionAttributes")
async def get_subscription_attributes(call: Call, params: Params) -> Result:
    place = subscribers.place_of(params["SubscriptionArn"], call.scope.region)
    return {"Attributes": await call.store.read(subscriptions.attributes_of, *place, call.scope.account, call.now)}


@operation("sns", "SetSubscriptionAttributes")
async def set_subscription_attributes(call: Call, params: Params) -> Result:
    place = subscribers.place_of(params["SubscriptionArn"], call.scope.region)
    given = params["AttributeName"], params.get("AttributeValue") or ""
    await call.store.write(subscriptions.set_attribute, *place, call.scope.account, *given, call.now)
    return {}


def _page(found: Sequence[Listed]) -> Result:
    return {"Subscriptions": [_shown(one) for one in found[:LENGTH]], **rest_after([one.place for one in found])}


def _shown(listed: Listed) -> dict[str, str]:
    one = listed.subscription
    arn = subscribers.arn_of(listed.scope, listed.name)
    return {
        "SubscriptionArn": "PendingConfirmation" if one.state == PENDING else arn,
        "Owner": one.owner or listed.scope.account,
        "Protocol": one.protocol,
        "Endpoint": one.endpoint,
        "TopicArn": topics.arn_of(listed.scope, one.topic),
    }
