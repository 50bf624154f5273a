"""Read a mail to the return path: a report of delivery, a complaint, an automatic reply, or none of these.

Pure, bounded, and without failure: whatever bytes it is given, it answers.
Called by edge/return_path.py, off the loop.
"""

from pillarbox.delivery.reports import complaint, delivery_status
from pillarbox.delivery.reports.automatic import is_automatic
from pillarbox.delivery.reports.complaint import read_complaint
from pillarbox.delivery.reports.delivery_status import read_status
from pillarbox.delivery.reports.notice import Notice, all_of, read_time, take_apart
from pillarbox.delivery.reports.plain import comes_from_a_server, looks_like_a_report, read_plain
from pillarbox.delivery.reports.report import AutomaticReply, NoReport, Reading, Report
from pillarbox.kit.clock import Millis

_MOST_TIMES = 8


def read(raw: bytes) -> Reading:
    """Return what the mail says, with the times that it tells."""
    notice = take_apart(raw)
    report = _report(notice)
    return Reading(
        report=report,
        times=tuple(dict.fromkeys(_times(notice)))[:_MOST_TIMES],
        return_paths=complaint.return_paths(notice),
        subject=notice.first("subject")[:300],
    )


def _report(notice: Notice) -> Report:
    if complained := read_complaint(notice):
        return complained
    if notice.report_type != "disposition-notification" and (told := read_status(notice)):
        return told
    if notice.report_type != "disposition-notification" and looks_like_a_report(notice):
        report = read_plain(notice)
        if any(fate.status or fate.reply for fate in report.fates):
            return report
        if comes_from_a_server(notice) and not is_automatic(notice):
            return report
    return AutomaticReply() if is_automatic(notice) else NoReport()


def _times(notice: Notice) -> list[Millis]:
    """Return the times told, the best first.

    SES tells when the provider sent its notice. Where that cannot be read, the stamps of its way to us come near
    it, then the last attempt, and at last when the message had come to the provider.
    https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-object
    """
    ways = [value.rpartition(";")[2].strip() for value in all_of(notice.fields, "received")]
    told = [read_time(text) for text in (notice.first("date"), *ways) if text]
    noticed = [at for at in told if at is not None]
    return [*noticed, *delivery_status.times_told(notice), *complaint.times_told(notice)]
