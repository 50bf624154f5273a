"""Identity notifications in v1: feedback by topic or by mail, and its headers.

Translation only; the rules stand in resources/identities.py.
https://docs.aws.amazon.com/ses/latest/dg/monitor-sending-activity-using-notifications.html
"""

from pillarbox.api import notices
from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import identities
from pillarbox.resources.identities import NOTIFICATION_TYPES, Identity


@operation("ses", "GetIdentityNotificationAttributes")
async def get_identity_notification_attributes(call: Call, params: Params) -> Result:
    found = await call.store.read(identities.asked_for, call.scope, params["Identities"])
    return {"NotificationAttributes": {name: _attributes(identity) for name, identity in found.items()}}


@operation("ses", "SetIdentityNotificationTopic")
async def set_identity_notification_topic(call: Call, params: Params) -> Result:
    name, kind, topic_arn = params["Identity"], params["NotificationType"], params.get("SnsTopic") or None
    await call.store.write(notices.set_identity_topic, call.scope, name, kind, topic_arn, call.now)
    return {}


@operation("ses", "SetIdentityFeedbackForwardingEnabled")
async def set_identity_feedback_forwarding_enabled(call: Call, params: Params) -> Result:
    name, enabled = params["Identity"], params["ForwardingEnabled"]
    await call.store.write(identities.set_feedback_forwarding_or_topics, call.scope, name, enabled, call.now)
    return {}


@operation("ses", "SetIdentityHeadersInNotificationsEnabled")
async def set_identity_headers_in_notifications_enabled(call: Call, params: Params) -> Result:
    name, kind, enabled = params["Identity"], params["NotificationType"], params["Enabled"]
    await call.store.write(identities.set_headers, call.scope, name, kind, enabled, call.now)
    return {}


def _attributes(identity: Identity) -> Result:
    topics = {f"{kind}Topic": identity.topics.get(kind) for kind in NOTIFICATION_TYPES}
    headers = {f"HeadersIn{kind}NotificationsEnabled": kind in identity.headers_in for kind in NOTIFICATION_TYPES}
    return topics | headers | {"ForwardingEnabled": identity.feedback_forwarding}
