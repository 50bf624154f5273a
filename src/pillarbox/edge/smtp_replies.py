"""What the SMTP door answers: the replies of Amazon SES, and which refusal gets which.

Pure. Called by smtp.py and what stands beneath it.
https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-smtp.html
"""

from pillarbox.kit.disk import NoRoom
from pillarbox.kit.errors import Denied, Refusal, Unavailable
from pillarbox.resources.configuration_sets import ConfigurationSetMissing
from pillarbox.sending import policy

TLS_READY = "220 Ready to start TLS"
OK = "250 Ok"
BYE = "221 Bye"
LOGGED_IN = "235 Authentication successful."
SEND_DATA = "354 End data with <CR><LF>.<CR><LF>"
TOO_MANY_CONNECTIONS = "421 Too many concurrent SMTP connections"
CLOSING = "421 Service closing transmission channel"
NOT_NOW = "451 Temporary service failure"
TIMED_OUT = "451 4.4.2 Timeout waiting for data from client."
# https://www.rfc-editor.org/rfc/rfc3463#section-3.4 X.3.1: mail system full.
NO_ROOM = "452 4.3.1 Insufficient system storage"
TOO_MANY_RECIPIENTS = "452 Too many recipients"
NO_LOGIN_NOW = "454 Temporary authentication failure"
LINE_TOO_LONG = "500 Command line too long"
BARE_NEWLINE = "500 Error: command lines end with <CR><LF>"
UNKNOWN_COMMAND = "500 Error: command not recognized"
BAD_ARGUMENT = "501 Syntax error in parameters or arguments"
BAD_SENDER = "501 Invalid MAIL FROM address provided"
NOT_IMPLEMENTED = "502 Command not implemented"
HELLO_FIRST = "503 Error: send HELO/EHLO first"
NESTED_MAIL = "503 Error: nested MAIL command"
MAIL_FIRST = "503 Error: need MAIL command"
RECIPIENT_FIRST = "503 Error: need RCPT command"
ALREADY_LOGGED_IN = "503 Error: already authenticated"
TLS_ALREADY = "503 Error: TLS is already active"
UNKNOWN_MECHANISM = "504 Unrecognized authentication type"
TLS_FIRST = "530 Must issue a STARTTLS command first"
LOGIN_FIRST = "530 Authentication required"
WRONG_CREDENTIALS = "535 Authentication Credentials Invalid"
TOO_LONG = "552 Message is too long."
BAD_PARAMETER = "555 Parameters not recognized or not implemented"

# The first class that fits decides, so a class stands before what it derives from.
_REPLY_FOR: tuple[tuple[type[BaseException], str], ...] = (
    (NoRoom, NO_ROOM),
    (Unavailable, NOT_NOW),
    (policy.RateExceeded, "454 Throttling failure: {why}"),
    (policy.DailyQuotaExceeded, "454 Throttling failure: {why}"),
    (ConfigurationSetMissing, "554 Configuration set does not exist: {why.members[ConfigurationSetName]}"),
    (Denied, "554 Access denied: {why}"),
    (policy.MessageRejected, "554 Message rejected: {why}"),
    (policy.AccountPaused, "554 Message rejected: {why}"),
    (policy.ConfigurationSetPaused, "554 Message rejected: {why}"),
    (Refusal, "554 Transaction failed: {why}"),
)
# https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.5 asks for at most 512 with the CRLF.
_MOST_CHARACTERS = 510


def reply_to(reason: Refusal | Unavailable) -> str:
    """Return the reply that tells why a message was not taken."""
    form = next(form for kind, form in _REPLY_FOR if isinstance(reason, kind))
    return one_line(form.format(why=reason))


def accepted(message_id: str) -> str:
    return f"250 Ok {message_id}"


def bad_recipient(path: str) -> str:
    return one_line(f"553 <{path}> Invalid email address")


def one_line(reply: str) -> str:
    """Make a reply of what may hold a client's own words: one line of printable ASCII."""
    return "".join(mark if " " <= mark <= "~" else "?" for mark in reply)[:_MOST_CHARACTERS]
