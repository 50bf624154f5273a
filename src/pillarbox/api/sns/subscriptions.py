"""SNS: subscriptions, and the links that confirm and end them.

Translation only; the rules stand in pubsub/subscriptions.py.
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.api.sns.pages import LENGTH, rest_after, start_of
from pillarbox.api.unsigned import ANONYMOUS
from pillarbox.pubsub import subscriptions, topics
from pillarbox.pubsub.subscriptions import PENDING, Subscription, Wanted


@operation("sns", "Subscribe")
async def subscribe(call: Call, params: Params) -> Result:
    wanted = Wanted(
        topic=topics.name_of(params["TopicArn"], call.scope),
        protocol=params["Protocol"],
        endpoint=params.get("Endpoint") or "",
        attributes=params.get("Attributes") or {},
        principal=f"arn:aws:iam::{call.scope.account}:user/{call.user_name}",
    )
    named = subscriptions.named(call.scope, wanted, call.services.keyring)
    made = await call.store.write(subscriptions.subscribe, call.scope, named, call.now)
    is_shown = params.get("ReturnSubscriptionArn") or not made.is_pending
    return {"SubscriptionArn": made.arn if is_shown else "pending confirmation"}


@operation("sns", "ConfirmSubscription")
async def confirm_subscription(call: Call, params: Params) -> Result:
    topic = topics.name_of(params["TopicArn"], call.scope)
    proof = subscriptions.Confirmation(
        params["Token"],
        is_signed=call.user_name != ANONYMOUS,
        needs_signature_to_remove=params.get("AuthenticateOnUnsubscribe", "").lower() == "true",
    )
    return {"SubscriptionArn": await call.store.write(subscriptions.confirm, call.scope, topic, proof, call.now)}


@operation("sns", "Unsubscribe")
async def unsubscribe(call: Call, params: Params) -> Result:
    name = subscriptions.name_of(params["SubscriptionArn"], call.scope)
    is_signed = call.user_name != ANONYMOUS
    await call.store.write(subscriptions.unsubscribe, call.scope, name, is_signed, call.now)
    return {}


@operation("sns", "ListSubscriptions")
async def list_subscriptions(call: Call, params: Params) -> Result:
    return await _page(call, None, params)


@operation("sns", "ListSubscriptionsByTopic")
async def list_subscriptions_by_topic(call: Call, params: Params) -> Result:
    return await _page(call, topics.name_of(params["TopicArn"], call.scope), params)


@operation("sns", "GetSubscriptionAttributes")
async def get_subscription_attributes(call: Call, params: Params) -> Result:
    name = subscriptions.name_of(params["SubscriptionArn"], call.scope)
    return {"Attributes": await call.store.read(subscriptions.attributes_of, call.scope, name, call.now)}


@operation("sns", "SetSubscriptionAttributes")
async def set_subscription_attributes(call: Call, params: Params) -> Result:
    name = subscriptions.name_of(params["SubscriptionArn"], call.scope)
    attribute, value = params["AttributeName"], params.get("AttributeValue") or ""
    await call.store.write(subscriptions.set_attribute, call.scope, name, attribute, value, call.now)
    return {}


async def _page(call: Call, topic: str | None, params: Params) -> Result:
    found = await call.store.read(subscriptions.page, call.scope, topic, start_of(params), LENGTH + 1, call.now)
    shown = [_shown(call, name, one) for name, one in found[:LENGTH]]
    return {"Subscriptions": shown, **rest_after([name for name, _ in found])}


def _shown(call: Call, name: str, one: Subscription) -> dict[str, str]:
    return {
        "SubscriptionArn": "PendingConfirmation" if one.state == PENDING else subscriptions.arn_of(call.scope, name),
        "Owner": call.scope.account,
        "Protocol": one.protocol,
        "Endpoint": one.endpoint,
        "TopicArn": topics.arn_of(call.scope, one.topic),
    }
