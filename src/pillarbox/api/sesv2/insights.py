"""What became of one message, by recipient.

Translation only; the reading stands in stats/insights.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetMessageInsights.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.kit.errors import NotFound
from pillarbox.sending import promised
from pillarbox.stats import insights
from pillarbox.stats.insights import Bounced, Complained, Happened


@operation("sesv2", "GetMessageInsights")
async def get_message_insights(call: Call, params: Params) -> Result:
    message_id = params["MessageId"]
    unwritten = await promised.find(call.store, message_id)
    first = (unwritten.message, unwritten.events) if unwritten else None
    found = await call.store.read(insights.insights, call.scope, message_id, first)
    if found is None:
        raise NotFound(f"Message {message_id} does not exist.")
    tags = [{"Name": name, "Value": value} for name, values in found.tags.items() for value in values]
    return {
        "MessageId": found.message_id,
        "FromEmailAddress": found.sender,
        "Subject": found.subject,
        "EmailTags": tags,
        "Insights": [
            {"Destination": one.address, "Isp": one.isp, "Events": [_event(event) for event in one.events]}
            for one in found.recipients
        ],
    }


def _event(event: Happened) -> Result:
    return {"Timestamp": event.at, "Type": _type(event.kind), "Details": _details(event.details)}


def _type(kind: str) -> str:
    """Return how the model spells a kind of event: `DeliveryDelay` is DELIVERY_DELAY."""
    words = kind.replace("DeliveryDelay", "Delivery Delay").split()
    return "_".join(words).upper()


def _details(details: Bounced | Complained | None) -> Result | None:
    if isinstance(details, Bounced):
        bounce = {
            "BounceType": details.bounce_type.upper(),
            "BounceSubType": details.subtype,
            "DiagnosticCode": details.diagnostic_code,
        }
        return {"Bounce": bounce}
    if isinstance(details, Complained):
        complaint = {"ComplaintSubType": details.subtype, "ComplaintFeedbackType": details.feedback_type}
        return {"Complaint": complaint}
    return None
