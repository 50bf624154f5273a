"""What may be inside a message, composed by us or made by the caller.

Pure. The rules of SES about headers and attachments that both ways of sending
share; called by compose and raw.
"""

import re
from collections.abc import Iterable

from pillarbox.sending.policy import InvalidMessage

# https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
_ONLY_ONCE = """
accept-language acceptlanguage archived-at auto-submitted bounces-to comments content-alternative content-base
content-class content-description content-disposition content-duration content-id content-language content-length
content-location content-md5 content-transfer-encoding content-type date delivered-to disposition-notification-options
disposition-notification-to dkim-signature domainkey-signature errors-to from importance in-reply-to keywords
list-archive list-help list-id list-owner list-post list-subscribe list-unsubscribe list-unsubscribe-post
message-context message-id mime-version organization original-from original-message-id original-recipient
original-subject precedence priority references reply-to return-path return-receipt-to sender sensitivity solicitation
subject thread-index thread-topic user-agent vbr-info
"""
_NAMES_ONLY_ONCE = frozenset(_ONLY_ONCE.split())
# https://docs.aws.amazon.com/ses/latest/dg/mime-types.html
_FORBIDDEN_EXTENSION = re.compile(
    r"ade|adp|app|asp|bas|bat|cer|chm|cmd|com|cpl|crt|csh|der|exe|fxp|gadget|hlp|hta|inf|ins|isp|its|js|jse|ksh|lib"
    r"|lnk|mad|maf|mag|mam|maq|mar|mas|mat|mau|mav|maw|mda|mdb|mde|mdt|mdw|mdz|msc|msh.*|msi|msp|mst|ops|pcd|pif|plg"
    r"|prf|prg|reg|scf|scr|sct|shb|shs|sys|ps1.*|ps2.*|psc.*|tmp|url|vb|vbe|vbs|vps|vsmacros|vss|vst|vsw|vxd|ws|wsc"
    r"|wsf|wsh|xnk",
    re.DOTALL,
)


def check_occurrences(names: Iterable[str]) -> None:
    """Raise InvalidMessage for a header that occurs more often than it may."""
    seen = set()
    for name in names:
        lower = name.lower()
        if lower in _NAMES_ONLY_ONCE:
            if lower in seen:
                raise InvalidMessage(f"Duplicate header '{name}'.")
            seen.add(lower)


def check_file_name(name: str) -> None:
    """Raise InvalidMessage for a kind of file that SES does not carry."""
    # What receives the file may drop dots and spaces from the end of its name.
    extension = name.rstrip(". ").rpartition(".")[2].lower()
    if extension != name.lower() and _FORBIDDEN_EXTENSION.fullmatch(extension):
        raise InvalidMessage(f"Attachment '{name}' has an unsupported file type: '.{extension}'.")
