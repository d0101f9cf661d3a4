"""What ids look like: a prefix that names the type, then 26 letters and digits.

A time-ordered id carries its creation in its first ten characters (Crockford's base 32, as in ULID). Stores and
products are known by a code the shop chose, so their ids are derived from it: two channels that name one SKU for
the first time at once cannot make two products.
"""

import hashlib
import re
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_ID = re.compile(r"([a-z]{3})_[0-9A-HJKMNP-TV-Z]{26}\Z")

CUSTOMER = "cus"
ACCOUNT = "loy"
PURCHASE = "pur"
RETURN = "ret"
TRANSACTION = "ptx"
LOT = "lot"
PROGRAM = "lpr"
TIER = "tie"
RULE = "rul"
STORE = "sto"
PRODUCT = "prd"
FEEDBACK = "fbk"
HOLD = "hld"
REWARD = "rwd"
REDEMPTION = "red"
TRACKED = "trk"
EVENT = "evt"
API_KEY = "key"
AUDIT = "aud"
OFFER = "off"
OFFER_CODE = "ocd"
OFFER_ISSUE = "ois"
OFFER_REDEMPTION = "ord"


PRODUCTS_REMEMBERED = 65_536
"""Of so many SKUs the id is not worked out again: a cart of 30 lines asks for it at every change."""


def encode(number: int) -> str:
    """Return a 128-bit number as 26 characters of Crockford's base 32."""
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])


def time_ordered(prefix: str, milliseconds: int, randomness: int) -> str:
    """Return an id made of an instant (milliseconds since 1970) and 80 bits of randomness."""
    return f"{prefix}_{encode((milliseconds << 80) | randomness)}"


def derived(prefix: str, name: str) -> str:
    """Return the one id of what is called `name`: 128 bits of its SHA-256."""
    return f"{prefix}_{encode(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], 'big'))}"


@lru_cache(maxsize=PRODUCTS_REMEMBERED)
def product_id(sku: str) -> str:
    """Return the id of the product with this SKU."""
    return derived(PRODUCT, sku)


def store_id(code: str) -> str:
    """Return the id of the store with this code."""
    return derived(STORE, code)


def referral_code(customer_id: str) -> str:
    """Return the code by which a customer refers others: 50 bits of the id's SHA-256, as ten characters."""
    return encode(int.from_bytes(hashlib.sha256(customer_id.encode()).digest()[:16], "big"))[-10:]


def account_of(customer_id: str) -> str:
    """Return the id of the customer's loyalty account: one person, one account, one unique part."""
    return f"{ACCOUNT}{customer_id[3:]}"


def customer_of(account_id: str) -> str:
    """Return the id of the customer whose loyalty account this is."""
    return f"{CUSTOMER}{account_id[3:]}"


def prefix_of(value: str) -> str | None:
    """Return the type prefix of a well-formed id, None for anything else."""
    match = _ID.match(value)
    return match.group(1) if match else None
