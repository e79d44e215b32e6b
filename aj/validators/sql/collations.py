"""Names of collations: ``UTF8_LCASE``, ``UNICODE_CI``, ``sr_Cyrl_SRB_AI_RTRIM``.

Form and languages: Databricks' reference of collations (those of ICU). What is not covered: whether a language is written in that script.
"""

import re

from aj.validators.score import Reason
from aj.validators.sql.lexer import Word, is_filled
from aj.validators.wordset import wordset

LANGUAGES = wordset(
    """AF AM AR AS AZ BE BG BN BO BR BS CA CEB CHR CS CY DA DE DSB EE EL EN EO ES ET FA FF FI FIL FO FR FY GA GL GU HA HAW HE HI
    HR HSB HU HY ID IG IS IT JA KA KK KL KM KN KO KOK KU KY LB LKT LN LO LT LV MK ML MN MR MS MT MY NB NE NL NN NO NSO OM OR PA PL PS
    RO RU SA SE SI SK SL SMN SQ SR SV SW TA TE TH TK TN TO TR UG UK UR UZ VI WAE WO XH YI YO ZH ZU"""
)
SCRIPTS = wordset("ADLM ARAB BENG CYRL DEVA GURU HANS HANT LATN MTEI OLCK")
NAME = re.compile(r"([A-Z]{2,3})(?:_([A-Z]{4}))?(?:_([A-Z]{3}))?((?:_(?:CI|CS|AI|AS|RTRIM))*)")
MODIFIERS = re.compile(r"(?:_(?:CI|CS|AI|AS|RTRIM))*")
NOT_NAMES = wordset("FROM WHERE AS AND OR IN IS NOT THEN ELSE WHEN END ORDER GROUP HAVING LIMIT UNION COMMENT DEFAULT")


def wrong_collation(words: list[Word], place: int) -> Reason | None:
    """What is wrong with the name after the COLLATE (or DEFAULT COLLATION) at ``place``; None where it is right or none stands there."""
    after = words[place + 1] if place + 1 < len(words) else None
    if after is None or after.kind not in ("word", "quoted", "string") or after.upper in NOT_NAMES or is_filled(after.text):
        return None
    if after.kind == "string":
        return Reason("syntax_error", f"COLLATE takes a name, not the string {after.text[:40]}")
    last = place + 1
    while last + 2 < len(words) and words[last + 1].text == ".":
        last += 2
    name = words[last].text.strip("`").upper()
    return None if _exists(name) else Reason("syntax_error", f"{words[last].text[:40]} is no collation")


def _exists(name: str) -> bool:
    for whole in ("UTF8_BINARY", "UTF8_LCASE"):
        if name.startswith(whole):
            return name in (whole, f"{whole}_RTRIM")
    if name.startswith("UNICODE"):
        rest = name.removeprefix("UNICODE")
        return MODIFIERS.fullmatch(rest) is not None and _compatible(rest)
    found = NAME.fullmatch(name)
    return found is not None and found[1] in LANGUAGES and (found[2] is None or found[2] in SCRIPTS) and _compatible(found[4])


def _compatible(modifiers: str) -> bool:
    given = modifiers.split("_")[1:]
    return len(given) == len(set(given)) and not {"CI", "CS"} <= set(given) and not {"AI", "AS"} <= set(given)
