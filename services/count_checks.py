"""What must hold of what is counted: caps, redeemed rewards and referrals, recomputed from sales and ledger."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain

from crm.values import PurchaseStatus
from loyalty.values import SourceKind, TransactionType
from services.checks import Difference, differing
from services.context import Call
from services.terms import owed
from store.caps import CapKey
from store.client import Document
from store.counted import Counted
from store.referrals import REWARDED
from store.rewards import USED

NOTHING_KEPT = (PurchaseStatus.RETURNED, PurchaseStatus.CANCELLED)


def count_differences(
    call: Call, account: Document, purchases: Sequence[Document], entries: Sequence[Document], counted: Counted
) -> Iterator[Difference]:
    """Compare what is counted for the owner of an account with all of their purchases and entries."""
    brought = _brought(account["customerId"], counted)
    yield from _cap_differences(call, account, purchases, entries, brought, counted)
    yield from _redemption_differences(account, entries, counted)
    yield from _referral_differences(account, purchases, counted)
    yield from _referrer_differences(account, purchases, entries, brought)


def _brought(owner: str, counted: Counted) -> list[Document]:
    """Return the purchases by which others whom `owner` referred were rewarded, where `owner` was too."""
    sales = (counted.sales.get(one.get("purchaseId", "")) for one in counted.brought.get(owner, ()))
    return [sale for sale in sales if sale and sale.get("referral", {}).get("referrer") == owner]


def _cap_differences(
    call: Call,
    account: Document,
    purchases: Sequence[Document],
    entries: Sequence[Document],
    brought: Sequence[Document],
    counted: Counted,
) -> Iterator[Difference]:
    """Compare counters of caps with what sales used that is kept, and what engagement gave under them."""
    owner = account["customerId"]
    sums: dict[CapKey, Fraction] = {}
    for key, points in chain(_by_sales(call, purchases), _by_engagement(entries), _by_returns(brought)):
        sums[key] = sums.get(key, Fraction(0)) + points
    computed = {f"{owner}:{rule}:{period}": points for (rule, period), points in sums.items()}
    stored = {one["_id"]: Fraction(one["used"]) for one in counted.caps.get(owner, ())}
    for name in sorted({*computed, *stored}):
        old, new = str(stored.get(name, Fraction(0))), str(computed.get(name, Fraction(0)))
        yield from differing(account["_id"], [(f"caps.{name.partition(':')[2]}", old, new)])


def _by_sales(call: Call, purchases: Sequence[Document]) -> Iterator[tuple[CapKey, Fraction]]:
    """Yield what is kept of the sales that used a cap."""
    for sale in purchases:
        if sale.get("capped") or any(bonus["period"] for bonus in sale.get("bonuses", ())):
            yield from owed(call, sale, cancelled=sale["status"] == PurchaseStatus.CANCELLED).used.items()


def _by_engagement(entries: Sequence[Document]) -> Iterator[tuple[CapKey, Fraction]]:
    """Yield what engagement gave under a cap."""
    for entry in entries:
        if cap := entry.get("cap"):
            yield (cap["ruleId"], cap["period"]), Fraction(entry["points"])


def _by_returns(brought: Sequence[Document]) -> Iterator[tuple[CapKey, Fraction]]:
    """Yield what of that went back with the sales of those who were referred."""
    for bonus in (bonus for sale in brought for bonus in sale["referral"]["bonuses"]):
        if bonus["period"]:
            kept = bonus.get("kept", bonus["points"])
            yield (bonus["ruleId"], bonus["period"]), Fraction(kept - bonus["points"])


def _redemption_differences(account: Document, entries: Sequence[Document], counted: Counted) -> Iterator[Difference]:
    """Compare redemptions with the points spent on codes, and with the sales that name them."""
    owner = account["customerId"]
    own = [one for one in counted.redemptions.values() if one["owner"] == owner]
    of_codes: dict[str, int] = {}
    for one in own:
        if "code" in one:
            of_codes[one["rewardId"]] = of_codes.get(one["rewardId"], 0) + one["points"]
        sale = counted.sales.get(one.get("purchaseId") or "", {})
        named = sale.get("status") not in NOTHING_KEPT and any(
            one["_id"] == redeemed["id"] for redeemed in sale.get("rewards", ())
        )
        yield from differing(account["_id"], [(f"redemptions.{one['_id']}.used", one["status"] == USED, named)])
    spent: dict[str, int] = {}
    for entry in entries:
        if entry["type"] == TransactionType.SPEND and entry["source"]["kind"] == SourceKind.REWARD:
            reward = entry["source"]["nodeId"]
            spent[reward] = spent.get(reward, 0) - entry["points"]
    for reward in sorted({*of_codes, *spent}):
        checks = [(f"redemptions.{reward}.points", of_codes.get(reward, 0), spent.get(reward, 0))]
        yield from differing(account["_id"], checks)


def redeemed_differences(purchase: Document, counted: Counted) -> Iterator[Difference]:
    """Compare the rewards of a purchase with what is stored of them: used by it, as long as any of it is kept."""
    redeemed = purchase.get("rewards", ())
    kept = purchase["status"] not in NOTHING_KEPT
    for one in redeemed:
        found = counted.redemptions.get(one["id"], {})
        used = found.get("status") == USED and found.get("purchaseId") == purchase["_id"]
        values = {name: found.get(name) for name in ("owner", "rewardId")}
        checks = [("used", used, kept), *((name, value, one[name]) for name, value in values.items())]
        yield from differing(purchase["_id"], ((f"rewards.{one['id']}.{what}", old, new) for what, old, new in checks))
    points = sum(counted.redemptions.get(one["id"], {"points": 0})["points"] for one in redeemed if not one["code"])
    yield from differing(purchase["_id"], [("rewards.points", points, min(points, purchase["pointsSpent"]))])


def _referral_differences(account: Document, purchases: Sequence[Document], counted: Counted) -> Iterator[Difference]:
    """Hold that whoever came by a referral is rewarded once, by the purchase that the referral names."""
    referral = counted.referrals.get(account["customerId"], {})
    rewarded = referral.get("status") == REWARDED
    by = referral.get("purchaseId") if rewarded else None
    marked = [
        sale["_id"] for sale in purchases if "referral" in sale or any(map(_of_referral, sale.get("bonuses", ())))
    ]
    yield from differing(
        account["_id"],
        (
            ("referrer", account.get("referrer"), None if rewarded else referral.get("referrer")),
            ("referral.purchaseId", by, by if any(sale["_id"] == by for sale in purchases) else None),
            ("referral.purchases", marked, [by] if by in marked else []),
        ),
    )


def _of_referral(bonus: Document) -> bool:
    return bonus["ruleId"] is None


def _referrer_differences(
    account: Document, purchases: Sequence[Document], entries: Sequence[Document], brought: Sequence[Document]
) -> Iterator[Difference]:
    """Hold that whoever referred has the points of each referral once, in the lots that its purchase names."""
    own = {sale["_id"] for sale in purchases}
    posted: dict[str, dict[str, int]] = {}
    for entry in entries:
        node, is_bonus = entry["source"].get("nodeId"), entry["type"] == TransactionType.BONUS
        if is_bonus and entry["source"]["kind"] == SourceKind.REFERRAL and node not in own:
            posted.setdefault(node, {}).update((part["id"], entry["points"]) for part in entry["lots"])
    given = {sale["_id"]: {one["lotId"]: one["points"] for one in sale["referral"]["bonuses"]} for sale in brought}
    checks = [(f"referrals.{id_}", given.get(id_, {}), posted.get(id_, {})) for id_ in sorted({*given, *posted})]
    rewarded = ("referralsRewarded", account.get("referralsRewarded", 0), len(brought))
    yield from differing(account["_id"], [rewarded, *checks])
