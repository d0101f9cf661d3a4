"""What tests stand on: a clock they move, a shop over the real MongoDB, callers of every role."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pymongo import monitoring

from api.engine import Engine
from crm.callers import Caller
from crm.values import Channel, Role
from resolvers.context import Context
from services.context import Call, Shop
from store.client import Database

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STAFF = Caller(role=Role.STAFF, principal="key_staff", name="Desk")
ADMIN = Caller(role=Role.ADMIN, principal="key_admin", name="Back office")
POS = Caller(role=Role.POS, principal="key_till", name="Till 7", channel=Channel.POS, store_code="vienna-1")
STOREFRONT = Caller(role=Role.STOREFRONT, principal="key_web", name="Web shop")


def customer_caller(customer_id: str) -> Caller:
    """Return the caller that a customer is."""
    return Caller(role=Role.CUSTOMER, principal=f"jwt:{customer_id}", name="customer", customer_id=customer_id)


@dataclass
class Clock:
    """Stands still until a test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class Commands(monitoring.CommandListener):
    """Collects the commands a test's work sent to MongoDB, in order; what follows changes beside it is left out."""

    IGNORED = frozenset({"hello", "ismaster", "endSessions", "ping", "killCursors"})

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        whole_database = event.command.get("aggregate") == 1 or event.command.get("collection") == "$cmd.aggregate"
        if event.command_name not in self.IGNORED and not whole_database:
            self.sent.append((event.command_name, dict(event.command)))
            collection = event.command.get(event.command_name)
            self.names.append(
                f"{event.command_name} {collection}" if isinstance(collection, str) else event.command_name
            )

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


@dataclass
class World:
    """One shop, its engine and its clock."""

    database: Database
    engine: Engine
    clock: Clock
    commands: Commands
    currency: str = "USD"
    shop: Shop = field(init=False)

    def __post_init__(self) -> None:
        self.shop = Shop(
            database=self.database,
            currency=self.currency,
            time_zone=ZoneInfo("Europe/Vienna"),
            pepper=b"pepper" * 8,
            clock=self.clock,
        )

    def call(self, caller: Caller = ADMIN) -> Call:
        return self.shop.call(caller)

    async def answer(
        self, query: str, variables: dict[str, Any] | None = None, *, caller: Caller = ADMIN
    ) -> dict[str, Any]:
        """Return the whole answer of an operation, errors included."""
        return (await self.engine.run(Context(self.call(caller)), query, variables, None)).body

    async def data(self, query: str, variables: dict[str, Any] | None = None, *, caller: Caller = ADMIN) -> Any:
        """Return the data of an operation that must have no top-level error."""
        body = await self.answer(query, variables, caller=caller)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def all(self, collection: str, filter: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return what is stored."""
        return await self.database[collection].find(filter or {}).to_list(None)

    async def everything(self) -> dict[str, int]:
        """Return how many documents each collection holds: equal before and after means nothing was written."""
        names = [
            collection["name"]
            for collection in (await self.database.command({"listCollections": 1}))["cursor"]["firstBatch"]
        ]
        return {name: await self.database[name].count_documents({}) for name in sorted(names)}

    async def customer(self, **fields: Any) -> str:
        """Create a customer and return the id."""
        created = await self.data(CREATE, {"input": {"email": "ann@example.com", **fields}})
        assert created["createCustomer"]["userErrors"] == []
        return str(created["createCustomer"]["customer"]["id"])

    async def sell(self, *, caller: Caller = ADMIN, **fields: Any) -> dict[str, Any]:
        """Record a sale and return its payload."""
        return (await self.data(RECORD, {"input": sale(**fields)}, caller=caller))["recordPurchase"]

    async def give_back(
        self, purchase: str, lines: dict[int, str], *, id: str = "r-1", **fields: Any
    ) -> dict[str, Any]:
        """Record a return and return its payload."""
        back = {
            "externalId": {"source": "till-7", "value": id},
            "purchase": {"id": purchase},
            "occurredAt": self.clock().isoformat(),
            "lines": [{"lineNumber": number, "quantity": quantity} for number, quantity in lines.items()],
            **fields,
        }
        return (await self.data(RETURN, {"input": back}))["recordReturn"]

    async def points(self, customer: str) -> dict[str, Any]:
        """Return a customer's balance."""
        return (await self.data(BALANCE, {"id": customer}))["customer"]["loyalty"]["balance"]


def sale(**fields: Any) -> dict[str, Any]:
    """Return the input of a sale: one line of 10.90, to be changed by the test."""
    lines = fields.pop("lines", [{"lineNumber": 1, "sku": "MUG", "title": "Mug", "quantity": "2", "unitPrice": "5.45"}])
    return {
        "externalId": {"source": "till-7", "value": fields.pop("id", "s-1")},
        "channel": "POS",
        "occurredAt": "2026-11-21T10:00:00+01:00",
        "currencyCode": "USD",
        "lines": lines,
        "total": "10.90",
        **fields,
    }


def whole(amount: int, **fields: Any) -> dict[str, Any]:
    """Return the fields of a sale of `amount` whole units in one line."""
    line = {"lineNumber": 1, "sku": "MUG", "title": "Mug", "quantity": "1", "unitPrice": f"{amount}.00"}
    return {"lines": [line], "total": f"{amount}.00", **fields}


ERRORS = "userErrors { code field message }"
CREATE = f"""mutation($input: CreateCustomerInput!) {{
  createCustomer(input: $input) {{ customer {{ id version }} replayed {ERRORS} }} }}"""
PURCHASE_FIELDS = """
id status total { amount } returnedTotal { amount } pointsEarned occurredAt channel customer { id } store { code }
lines {
  lineNumber sku title category quantity unitPrice discount { amount } total { amount } returnedQuantity
}
returns { id total { amount } pointsTakenBack lines { lineNumber quantity total { amount } } }
"""
RECORD = f"""mutation($input: RecordPurchaseInput!) {{ recordPurchase(input: $input) {{
  purchase {{ {PURCHASE_FIELDS} }} receiptToken replayed warnings {{ code }} {ERRORS} }} }}"""
RETURN = f"""mutation($input: RecordReturnInput!) {{ recordReturn(input: $input) {{
  purchase {{ {PURCHASE_FIELDS} }}
  purchaseReturn {{ id total {{ amount }} pointsTakenBack lines {{ lineNumber quantity total {{ amount }} }} }}
  replayed {ERRORS} }} }}"""
BALANCE = """query($id: ID!) { customer(by: {id: $id}) { loyalty {
  balance { available pending held debt lifetimeEarned nextExpiry { points at } } } } }"""
