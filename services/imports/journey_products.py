"""The Complete Journey's catalogue, with a title for every product that a shopper could read.

The catalogue has no names, only a till's abbreviations in capitals, cut off after 30 characters ("FRZN SS PREMIUM
ENTREES/DNRS/N"). A title is the product's type in words, then the size of the package where that is a real measure.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from services.imports.journey_files import read_columns

TYPE_LENGTH_MAX = 30  # where the catalogue cuts a type off

_WORDS = {
    "APPLS": "appliances", "BEV": "beverage", "BRD": "breaded", "BRKFST": "breakfast", "BTH": "bath",
    "BTL": "bottle", "CARB": "carbonated", "CHIX": "chicken", "CHOC": "chocolate", "CHOCOCLATE": "chocolate",
    "CND": "canned", "CNTRL": "control", "CRBNTD": "carbonated", "DEOD": "deodorant", "DNRS": "dinners",
    "DRNK": "drink", "DRNKNG": "drinking", "FD": "food", "FEM": "feminine", "FLVR": "flavored", "FLVRD": "flavored",
    "FRZ": "frozen", "FRZN": "frozen", "GDS": "goods", "GRND": "ground", "HH": "household", "HYGN": "hygiene",
    "INCL": "including", "JCE": "juice", "LIQ": "liquid", "MISC": "miscellaneous", "MLK": "milk", "MNRL": "mineral",
    "MXS": "mixes", "PERSNL": "personal", "PKG": "packaged", "PLSTC": "plastic", "PREM": "premium",
    "PREP": "prepared", "PWDRS": "powders", "REFRIG": "refrigerated", "REG": "regular", "RTS": "ready to serve",
    "SAUS": "sausage", "SEAFD": "seafood", "SFT": "soft", "SGL": "single", "SHERBTS": "sherbets", "SNGL": "single",
    "SPECILATY": "specialty", "SS": "single serve", "STK": "stick", "SUP": "super", "SW": "sweet", "SYRP": "syrup",
    "TORT": "tortilla", "VEG": "vegetable", "WHL": "whole", "WT": "weight", "XPCTRNT": "expectorant",
}  # fmt: skip

# Types that say nothing without their category: "Premium" is an ice cream, a bacon or a pasta sauce.
_VAGUE = {
    "ANGUS", "BLENDS", "BUTTS", "DECOR", "DRY", "ECONOMY", "ENHANCED", "ENTREES", "FRESH", "INTERNAL", "KITS", "LEAN",
    "MAINSTREAM", "MICROWAVE", "MISCELLANEOUS", "OTHER", "OVEN", "PAILS", "PANTRY", "PATTIES", "PREMIUM", "PRIMAL",
    "QUARTS", "RED", "SEASONAL", "TRADITIONAL", "VALUE",
}  # fmt: skip

_KEPT_AS_WRITTEN = {"BBQ", "CD", "DVD", "IQF", "NZ", "TV", "USB"}
_SMALL = {"and", "in", "less", "of", "or", "than", "to", "with"}
_WORD = re.compile(r"[A-Z]+")
_MEASURE = r"(?:\d{1,3}|\d{0,3}\.\d{1,2}|\d/\d) (?:OZ|FL OZ|LB|CT|G|KG|ML|L|GAL|PT|QT|IN|FT|SQ FT|PK|DZ|LOADS|STEM)"
_SIZE = re.compile(rf"{_MEASURE}(?:/{_MEASURE})?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyProduct:
    """A product; `category` and `kind` are the catalogue's product category and type, None where it has none."""

    sku: str
    title: str
    category: str | None
    kind: str | None = None


def read_catalogue(folder: Path) -> list[JourneyProduct]:
    """Return the products of the catalogue in `folder`, in ascending numeric order of their sku.

    Raises:
        JourneyDataError: a file or column is missing or has gaps where none may be.
    """
    columns = read_columns(folder / "products.parquet", ("product_id", "department"))
    names = ("product_category", "product_type", "package_size")
    columns |= read_columns(folder / "products.parquet", names, gaps=True)
    rows = zip(*(column.to_pylist() for column in columns.values()), strict=True)
    return [
        JourneyProduct(
            sku=str(product_id), title=title(_kind(kind, category, department), size), category=category, kind=kind
        )
        for product_id, department, category, kind, size in sorted(rows, key=lambda row: row[0])
    ]


def uncatalogued(product_id: int) -> JourneyProduct:
    """Return what can be said of a product that was sold but is not in the catalogue."""
    return JourneyProduct(sku=str(product_id), title=f"Product {product_id}", category=None)


def title(kind: str, size: str | None) -> str:
    """Return a readable title, such as "Kids Cereal, 14.5 oz"; what is no measure ("997874  PK") is left out.

    Args:
        kind: what the product is, in the catalogue's capitals.
        size: the size of the package as the catalogue writes it.
    """
    measure = _measure(size) if size else ""
    return f"{_in_words(kind)}, {measure}" if measure else _in_words(kind)


def _kind(kind: str | None, category: str | None, department: str) -> str:
    """Return the product's type; the category beside a vague one, or the next wider name where there is none."""
    if kind in _VAGUE and category and category != kind:
        return f"{kind} {category}"
    return kind or category or department


@cache
def _in_words(kind: str) -> str:
    """Write `kind` out; cached, since 92,331 products share 2,378 types."""
    if len(kind) == TYPE_LENGTH_MAX:
        kind = _without_cut_end(kind)
    spaced = re.sub(r"\s*([:;,])\s*", r"\1 ", kind.replace("&", " & ").replace("W/", "WITH "))
    text = _WORD.sub(_written_out, " ".join(spaced.split()))
    return text[:1].upper() + text[1:]


def _without_cut_end(kind: str) -> str:
    """Drop an opened bracket that never closes, and a last word of which only one or two letters are left."""
    if kind.count("(") > kind.count(")"):
        kind = kind[: kind.rindex("(")]
    return re.sub(r"[\s/&-]+\w{0,2}\Z", "", kind)


def _written_out(match: re.Match[str]) -> str:
    word = match.group()
    if word in _KEPT_AS_WRITTEN:
        return word
    text = _WORDS.get(word, word).lower()
    follows_apostrophe_or_digit = match.start() > 0 and match.string[match.start() - 1] in "'0123456789"
    if text in _SMALL or follows_apostrophe_or_digit:
        return text
    return text.title()


@cache
def _measure(size: str) -> str:
    """Write `size` as a measure, "" when it is none; cached, since the products share 3,705 sizes."""
    plain = " ".join(size.split())
    if not _SIZE.match(plain):
        return ""
    text = re.sub(r"(?<!\d)\.", "0.", plain).lower()
    return re.sub(r"\bl\b", "L", text)
