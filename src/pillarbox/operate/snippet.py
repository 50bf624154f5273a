"""The lines of Python that send a first message when they are pasted.

Pure. Shown when the server starts and where the list of messages is empty.
"""

SENDER = "hello@example.com"
NOT_LOOKED_AT = "any secret works in dev mode"
NOT_SHOWN_AGAIN = "the secret of your access key"

_SNIPPET = """\
import boto3

ses = boto3.client(
    "ses",
    endpoint_url="{endpoint}",
    region_name="us-east-1",
    aws_access_key_id="{key_id}",
    aws_secret_access_key="{secret}",
)
{verify}
sent = ses.send_email(
    Source="{sender}",
    Destination={{"ToAddresses": ["you@example.net", "bounce@simulator.amazonses.com"]}},
    Message={{
        "Subject": {{"Data": "Hello from Pillarbox"}},
        "Body": {{
            "Text": {{"Data": "It works."}},
            "Html": {{"Data": "<h1>It works.</h1>"}},
        }},
    }},
)
print(sent["MessageId"])
"""


def boto3_snippet(endpoint: str, key_id: str, secret: str, *, dev: bool) -> str:
    """Return a program for boto3; outside dev mode the operator vouches for its sender first."""
    verify = f'ses.verify_email_identity(EmailAddress="{SENDER}")'
    if not dev:
        verify = f"# {SENDER} must be verified; on the server: pillarbox identities vouch {SENDER}"
    return _SNIPPET.format(endpoint=endpoint, key_id=key_id, secret=secret, verify=verify, sender=SENDER)
