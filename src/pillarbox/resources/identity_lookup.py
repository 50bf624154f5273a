"""Looks the records of an identity up.

Touches the network. Called by upkeep/identity_checks.py, which goes by what it
finds, and by operate/, which shows it.
"""

import asyncio
from collections.abc import Iterable

from pillarbox.kit.dns import LookupFailed, Names, NotThere
from pillarbox.resources.identity_dns import DNS_SERVER_ERROR, HOST_NOT_FOUND, TYPE_NOT_FOUND, Answer, Wanted


async def look_up(names: Names, wanted: Iterable[Wanted]) -> dict[Wanted, Answer]:
    """Return what the DNS says under the name of each record, all asked for at the same time."""
    asked = list(wanted)
    return dict(zip(asked, await asyncio.gather(*(_answer(names, one) for one in asked)), strict=True))


async def _answer(names: Names, wanted: Wanted) -> Answer:
    try:
        return Answer(tuple(await _values(names, wanted)))
    except NotThere as missing:
        return Answer(error=TYPE_NOT_FOUND if missing.name_exists else HOST_NOT_FOUND, why=str(missing))
    except LookupFailed as failed:
        return Answer(error=DNS_SERVER_ERROR, why=str(failed))


async def _values(names: Names, wanted: Wanted) -> list[str]:
    match wanted.type:
        case "CNAME":
            return [await names.alias(wanted.name)]
        case "MX":
            return [f"{one.preference} {one.host}" for one in await names.mail_exchangers(wanted.name)]
        case _:
            return await names.texts(wanted.name)
