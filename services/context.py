"""What every service is given: the shop it works for, and the call it carries out.

Nothing is read from the environment or from a global; a test makes a `Shop` with its own database and clock.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time_ns
from zoneinfo import ZoneInfo

from crm.callers import Caller
from crm.ids import time_ordered
from crm.money import digits_of
from services.freshness import Freshness
from services.input_types import Rules
from services.known import Known
from services.live import Live
from services.notebook import Notebook
from store.client import Database
from store.fetching import Gathered, Separate
from store.idempotency import Claim
from store.reads import Document, Reader


def utc_now() -> datetime:
    """Return the instant in UTC, cut to the milliseconds that MongoDB keeps."""
    return datetime.fromtimestamp(time_ns() // 1_000_000 / 1000, UTC)


@dataclass(slots=True, kw_only=True)
class Shop:
    """One installation: one shop, one database, one currency.

    Args:
        pepper: secret with which API keys, receipt tokens and key digests are made.
        jwt_source: the external-id source under which customers of the identity provider are known.
        fetch_planning: whether what a request reads at one tick is one command, and what it will need is asked ahead.
        shared_lookups: whether what several requests read at one tick is one command.
    """

    database: Database
    currency: str
    time_zone: ZoneInfo
    pepper: bytes
    jwt_source: str = "jwt"
    clock: Callable[[], datetime] = utc_now
    fetch_planning: bool = True
    shared_lookups: bool = True
    currency_digits: int = field(init=False)
    known: Known = field(init=False)
    freshness: Freshness = field(init=False)
    live: Live = field(init=False)
    notebook: Notebook = field(init=False)
    _shared: Gathered | None = field(init=False)

    def __post_init__(self) -> None:
        self.currency_digits = digits_of(self.currency)
        self.known = Known(self.database, self.clock, self.currency_digits)
        self.freshness = Freshness(self.database, self.known)
        self.live = Live(self.database)
        self.notebook = Notebook(self.database)
        self._shared = Gathered(self.database) if self.shared_lookups else None

    def reader(self) -> Reader:
        """Return what one request reads by outside of transactions."""
        if self.fetch_planning:
            return self._shared or Gathered(self.database)
        return Separate(self.database, self._shared or self.database)

    def call(self, caller: Caller) -> "Call":
        """Return a call of `caller` at this instant."""
        return Call(shop=self, caller=caller, now=self.clock())


@dataclass(slots=True, kw_only=True)
class Call:
    """One caller doing one thing at one instant. `claim` is set while an idempotent mutation runs.

    `refusals` are the codes of all user errors the caller was answered with, `misses` counts queries by a key that was
    none. `action` is the field that is being answered, for the audit log. `rows_until` is when a batch begins no
    further row, by the monotonic clock. `written` are documents that the mutation being answered has committed, by id:
    its payload shows them without asking for them again.
    """

    shop: Shop
    caller: Caller
    now: datetime
    claim: Claim | None = None
    claim_completed: bool = False
    refusals: list[str] = field(default_factory=list)
    misses: int = 0
    rows_until: float | None = None
    action: str = ""
    written: dict[str, Document] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        """The shop's database."""
        return self.shop.database

    @property
    def rules(self) -> Rules:
        """What validation needs to know."""
        return Rules(currency=self.shop.currency, currency_digits=self.shop.currency_digits, now=self.now)

    def new_id(self, prefix: str) -> str:
        """Return a new id of this instant."""
        return time_ordered(prefix, int(self.now.timestamp() * 1000), int.from_bytes(os.urandom(10), "big"))
