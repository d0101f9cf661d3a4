"""Who calls: the role that decides what is allowed, and the principal that is recorded."""

from dataclasses import dataclass

from crm.values import Channel, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One authenticated caller.

    `principal` names the caller in the ledger, the outbox and idempotency keys: it holds no personal data. `name` is
    what people see of the caller, such as an API key's name. `customer_id` is set for a CUSTOMER the shop knows;
    `identity` is the external id such a customer is created with when it does not yet. `account` is whose points the
    call spends where they are not the principal's own: those of one address, or of one app.
    """

    role: Role
    principal: str
    name: str
    customer_id: str | None = None
    identity: tuple[str, str] | None = None
    store_code: str | None = None
    channel: Channel | None = None
    account: str | None = None


SYSTEM = Caller(role=Role.ADMIN, principal="system", name="system")
NOBODY = Caller(role=Role.STOREFRONT, principal="nobody", name="nobody")
