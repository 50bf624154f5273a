"""The words by which mail servers can be told, and by which they tell why: for reports without fields.

Pure: patterns, each linear in the length of what it looks at. Called by
plain.py. Servers have said the same for decades; what a new one says is added
here, with a sample in tests/data/feedback.
"""

import re
from typing import NamedTuple

# Who writes reports.
DAEMON = re.compile(
    r"\b(?:"
    r"mailer[-_. ]?daemon|postmaster|mail[-_ ]?daemon|mdaemon|mail delivery (?:sub)?system|mail delivery service|"
    r"bounce[sd]?|mail[-_ ]?administrator|amavisd?|no[-_]?reply[-_]?dsn"
    r")\b",
    re.I,
)
# What they put over them.
BOUNCE_SUBJECT = re.compile(
    r"undeliver|returned (?:mail|to sender)|return to sender|failure notice|failure delivery|"
    r"deliver(?:y|ing) (?:status|failure|failed|problem|error|report|has|incomplete|delayed|unsuccessful)|"
    r"mail (?:delivery|system|could not|not delivered)|non[- ]?deliver|"
    r"(?:not|cannot|could not|couldn't) be delivered|message (?:not delivered|status|delayed|you sent)|"
    r"not delivered|delayed mail|mail failure|rejected|unzustellbar|nicht zugestellt|zustellung|non remis|"
    r"non distribu|non recapit|mancato recapito|no se (?:ha )?p[uo]|no entregado|n[ãa]o entreg|onbestelbaar|"
    r"niedostarczon|недоставл|не доставлен|退信|退回|无法投递|投递失败|無法傳遞|配信(?:不能|エラー)|エラー|"
    r"전달되지|반송",
    re.I,
)
# What says that there is still hope.
DELAY = re.compile(
    r"will (?:keep|continue) (?:on )?trying|has not yet been delivered|not been able to deliver .{0,80} yet|"
    r"delivery (?:has been |is |temporarily )?(?:delayed|suspended)|delayed mail|still being retried|"
    r"will be retried|warning: (?:message|could not send)|this is a warning message only|"
    r"you do not need to resend|delivery attempts will continue|message delayed|\(delay\)",
    re.I,
)


class Words(NamedTuple):
    """What they say when something of this status has happened."""

    status: str
    pattern: re.Pattern[str]


# In this order: the first that fits decides.
REASONS = tuple(
    Words(status, re.compile(words, re.I))
    for status, words in (
        (
            "5.2.2",
            r"(?:mailbox|inbox|account|mail ?drop|user|folder)[^.\n]{0,40}"
            r"(?:is |has )?(?:full|over (?:its |the )?quota)|"
            r"quota (?:has been )?exceeded|exceed(?:s|ed|ing)? (?:[a-z']+ ){0,4}(?:quota|storage)|over ?quota|"
            r"out of (?:disk )?space|insufficient (?:disk |storage|system )|邮箱(?:空间|容量)|"
            r"(?:空间|容量)(?:不足|已满)|已满",
        ),
        (
            "5.3.4",
            r"too (?:large|big|long)|size (?:limit|exceeds|exceeded)|exceeds? (?:[a-z]+ ){0,4}(?:size|limit of)|"
            r"maximum (?:[a-z]+ )?size|过大|超过.{0,10}大小",
        ),
        (
            "5.1.1",
            r"(?:no|unknown|invalid|bad|nonexistent|non-existent) (?:such )?(?:[a-z-]+ )?"
            r"(?:user|recipient|mailbox|address|account|person|alias)|"
            r"(?:user|recipient|mailbox|address|account|alias)[^.\n]{0,60}(?:unknown|"
            r"not (?:been )?(?:found|exist|known|listed|recogni[sz]ed|valid)|"
            r"(?:does not|doesn't|doesnt|did not) exist|no longer|unavailable|"
            r"disabled|inactive|rejected|invalid|suspended|expired)|"
            r"couldn't be found|could not be found|wasn't found|not listed in|no mailbox (?:here )?by that name|"
            r"(?:does not|doesn't) exist|undeliverable address|"
            r"(?:does not|doesn't|doesnt) have an? (?:[a-z.]+ )?account|"
            r"用户(?:不存在|未找到|已(?:被)?(?:禁用|停用|冻结))|不存在|无此用户|查無此|存在しま?せん|unbekannt|"
            r"inconnu|no existe|sconosciuto|nie istnieje|не существует|нет такого",
        ),
        (
            "5.1.2",
            r"(?:host|domain)(?: name)? (?:[a-z0-9.-]+ )?(?:unknown|not found|"
            r"(?:does not|doesn't) exist|couldn't be found|lookup failed)|"
            r"unrouteable|unroutable|no (?:valid )?(?:mx|mail exchange|mail server)|name service error|"
            r"couldn't find any host|域名(?:不存在|错误)",
        ),
        (
            "5.7.1",
            r"\bspam\b|blacklist|blocklist|\bblocked\b|\brbl\b|policy|unsolicited|content (?:rejected|filter)|"
            r"not (?:authori[sz]ed|permitted|allowed)|access denied|relay(?:ing)? (?:access )?denied|prohibited|"
            r"反垃圾|垃圾邮件|拒绝",
        ),
        (
            "4.4.7",
            r"(?:time|retry time|retry timeout) (?:limit |has been |was )?(?:exceeded|expired|out)|timed out|"
            r"time-?out|too long in (?:the )?queue|in the queue too long|delivery time expired|超时",
        ),
        (
            "4.4.1",
            r"connection (?:refused|reset|failed|lost)|could(?:n't| not) (?:connect|establish|contact)|"
            r"unable to connect|not responding|no route to host|network is unreachable|unreachable|连接失败",
        ),
    )
)


def status_told_by(text: str) -> tuple[str, int, int] | None:
    """Return the status that words of the text stand for, and where they stand."""
    for status, pattern in REASONS:
        if found := pattern.search(text):
            return status, *found.span()
    return None
