"""Parts that jobs, pipelines, alerts and bundles share: a cron schedule, a list of e-mail addresses, an identity to run as.

What is not covered: whether the address or the identity exists.
"""

import re
from typing import Any

from aj.validators.definitions.fields import Report, is_reference
from aj.validators.definitions.quartz import cron_error, zone_known

EMAIL = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,255}|<[^<>]{1,80}>")  # or a placeholder


def check_schedule(schedule: Any, field: str, path: tuple[object, ...], report: Report, *, partial: bool = False) -> None:
    """A cron schedule: bad_cron, missing_timezone, bad_timezone, missing_field."""
    if not isinstance(schedule, dict):
        return
    cron, zone = schedule.get(field), schedule.get("timezone_id")
    if cron is None and not partial:
        report.add("missing_field", path, f"{field} is missing")
    if isinstance(cron, str) and not is_reference(cron):
        wrong = cron_error(cron)
        if wrong:
            report.add("bad_cron", path, f"{cron[:60]!r}: {wrong}")
    if zone is None and not partial:
        report.add("missing_timezone", path, "timezone_id is missing")
    elif isinstance(zone, str) and not is_reference(zone) and not zone_known(zone):
        report.add("bad_timezone", path, f"{zone[:60]!r} is no time zone (Europe/Zurich, UTC, …)")


def check_emails(items: Any, path: tuple[object, ...], report: Report) -> None:
    """Every text of a list is an e-mail address or a reference: bad_email."""
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, str) and not is_reference(item) and not EMAIL.fullmatch(item.strip()):
            report.add("bad_email", (*path, index), f"{item[:60]!r} is no e-mail address")


def check_run_as(run_as: Any, path: tuple[object, ...], report: Report) -> None:
    """Exactly one identity: bad_run_as."""
    if not isinstance(run_as, dict) or "<<" in run_as:
        return
    named = [name for name in ("user_name", "service_principal_name", "group_name") if run_as.get(name) not in (None, "")]
    if len(named) != 1:
        report.add("bad_run_as", path, f"{' and '.join(named) or 'nobody'} is named; exactly one identity runs it")
