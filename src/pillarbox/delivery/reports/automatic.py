"""Automatic replies: the recipient has the message, and a program answers for them.

Pure. Called by read.py, after it has looked for everything that tells of a
failure: many servers mark those as automatic replies too, and rightly so.
https://www.rfc-editor.org/rfc/rfc3834#section-5
"""

import re

from pillarbox.delivery.reports.notice import Notice

_MARKS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-mail-autoreply",
    "x-ms-exchange-inbox-rules-loop",
    "x-vacation",
)
_SUBJECT = re.compile(
    r"(?:\[?auto(?:matic|mated)?[ :-]*(?:reply|response|answer|antwort)\b|auto\s*:|autoreply|out of (?:the )?office|"
    r"on vacation|away from (?:the |my )?office|ooo\b|"
    r"automatische antwort|abwesenheit|abwesend|r[ée]ponse automatique|absence du bureau|respuesta autom|fuera de|"
    r"risposta automatica|fuori sede|resposta autom|automatisch antwoord|afwezig|automatisk svar|odpowied[zź] autom|"
    r"автоответ|自动回复|自動回覆|自動返信|不在|자동 ?회신)",
    re.I,
)
_RULES = frozenset({"auto_reply", "auto-reply", "autoreply"})


def is_automatic(notice: Notice) -> bool:
    """Return whether the mail was made by a program in answer to the message."""
    if notice.report_type == "disposition-notification":  # "it was displayed", RFC 8098
        return True
    submitted = notice.first("auto-submitted").partition(";")[0].strip().lower()
    if submitted in ("auto-replied", "auto-generated", "auto-notified"):
        return True
    if any(notice.first(name) for name in _MARKS):
        return True
    if {notice.first("precedence").strip().lower(), notice.first("x-precedence").strip().lower()} & _RULES:
        return True
    return _SUBJECT.match(_without_prefix(notice.first("subject"))) is not None


def _without_prefix(subject: str) -> str:
    return re.sub(r"^(?:\s*(?:re|aw|sv|antw)\s*:)+\s*", "", subject, flags=re.I)
