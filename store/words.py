"""How people and products are found by the beginning of a word."""

import re
import unicodedata

from store.client import Document

_PHONE = re.compile(r"\+?[\d\s()/.-]*\d[\d\s()/.-]*")


def fold(text: str) -> str:
    """Return text as it is compared: no case, single spaces, an accented letter always the same one."""
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def starts_with(prefix: str) -> Document:
    """Return the condition that a folded word begins with `prefix`; nothing in it is taken for a pattern."""
    text = fold(prefix)
    digits = re.sub(r"[^\d+]", "", text)
    if _PHONE.fullmatch(text) and digits != text:
        return {"$in": [re.compile("^" + re.escape(text)), re.compile("^" + re.escape(digits))]}
    return {"$regex": "^" + re.escape(text)}
