"""The Complete Journey's coupons as offers, the households that were mailed as their audience, and what was redeemed.

An offer for each coupon of a campaign, on the coupon's products, from the campaign's first day to its last. The data
does not say what a coupon gave. Where one shows in the lines, 1.00 is the commonest by far, so each takes that off. It
was paid by the manufacturer, who is counted and not carried (journey_reader.py): redemptions took nothing off.

Households that were mailed have the campaign's tag, and the offers ask for it: one list for each of 27 campaigns, not
one for each of 1,197 coupons with the same 700,000 names.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from crm.ids import OFFER, OFFER_REDEMPTION, derived
from crm.offers.values import OfferKind
from services.context import Call
from services.imports.journey_campaigns import (
    NEW_YORK,
    JourneyCampaign,
    JourneyCampaigns,
    JourneyCoupon,
    JourneyRedemption,
    read_campaigns,
)
from services.imports.journey_products import JourneyProduct, title
from services.imports.journey_reader import SOURCE
from services.offers import NEW, NO_CONDITIONS, offer_fact
from services.offers_back import redemption_fact
from store import offers, outbox
from store.client import Document, Tx
from store.collections import OFFER_REDEMPTIONS, OUTBOX, PURCHASES

VALUE = "1"
"""Of every coupon, in dollars."""


@dataclass(slots=True, kw_only=True)
class OffersReport:
    """What of the campaigns was read, written and left out, for the households chosen.

    products_left_out: on coupons and in no catalogue. redemptions_elsewhere: with none of the coupon's products in any
    basket of that day; they stand with the day's first basket. redemptions_known: of households that were there
    already, which are left as they are. redemptions_left_out: on a day without a basket. redemptions_repeated: of the
    same household, coupon and campaign as another.
    """

    campaigns: int = 0
    mailings: int = 0
    coupon_rows: int = 0
    coupon_rows_repeated: int = 0
    products_left_out: int = 0
    offers: int = 0
    offers_known: int = 0
    redemptions_read: int = 0
    redemptions: int = 0
    redemptions_repeated: int = 0
    redemptions_elsewhere: int = 0
    redemptions_known: int = 0
    redemptions_left_out: int = 0


@dataclass(slots=True)
class JourneyOffers:
    """The campaigns as they go in: made once, then asked for each household."""

    report: OffersReport
    shift: timedelta
    _tags: dict[str, list[str]] = field(default_factory=dict)
    _redeemed: dict[str, list[tuple[JourneyCampaign, JourneyRedemption]]] = field(default_factory=dict)
    _skus: dict[tuple[int, str], frozenset[str]] = field(default_factory=dict)

    def tags_of(self, household: str) -> list[str]:
        """Return the tags of the campaigns that a household was mailed."""
        return self._tags.get(household, [])

    def redeem(self, call: Call, household: str, documents: dict[str, list[Document]]) -> None:
        """Note in a household's purchases, not stored yet, which coupons they redeemed."""
        by_day: dict[date, list[Document]] = {}
        for purchase in documents[PURCHASES]:
            day = (purchase["occurredAt"] - self.shift).astimezone(NEW_YORK).date()
            by_day.setdefault(day, []).append(purchase)
        rows: list[Document] = []
        for campaign, one in self._redeemed.get(household, ()):
            of_day = by_day.get(one.day)
            if not of_day:
                self.report.redemptions_left_out += 1
                continue
            rows.append(self._redemption(call, campaign, one, of_day, documents))
        documents[OFFER_REDEMPTIONS] = rows
        self.report.redemptions += len(rows)

    def leave(self, household: str) -> None:
        """Count the redemptions of a household that is completed basket by basket."""
        self.report.redemptions_known += len(self._redeemed.get(household, ()))

    def _redemption(
        self,
        call: Call,
        campaign: JourneyCampaign,
        one: JourneyRedemption,
        of_day: Sequence[Document],
        documents: Mapping[str, list[Document]],
    ) -> Document:
        skus = self._skus[campaign.number, one.upc]
        found = [(purchase, _numbers(purchase, skus)) for purchase in sorted(of_day, key=lambda one: not one["lines"])]
        purchase, lines = next(((purchase, lines) for purchase, lines in found if lines), found[0])
        self.report.redemptions_elsewhere += not lines
        redemption = {
            "id": call.new_id(OFFER_REDEMPTION),
            "offerId": offer_id(campaign, one.upc),
            "version": 1,
            "discount": 0,
            "at": purchase["occurredAt"],
            "returned": False,
            "lines": lines or [line["lineNumber"] for line in purchase["lines"]],
            "codes": [],
        }
        purchase["redemptions"] = [*purchase.get("redemptions", ()), redemption]
        facts = [redemption_fact(purchase, redemption, "REDEEMED")]
        documents[OUTBOX].extend(
            outbox.events(
                facts, at=call.now, owner=purchase["owner"], principal=call.caller.principal, new_id=call.new_id
            )
        )
        return {
            "_id": redemption["id"],
            "owner": purchase["owner"],
            "offerId": redemption["offerId"],
            "purchaseId": purchase["_id"],
            "day": purchase["occurredAt"].astimezone(call.shop.time_zone).date().isoformat(),
            "discount": 0,
            "returned": False,
        }


def _numbers(purchase: Document, skus: frozenset[str]) -> list[int]:
    return [line["lineNumber"] for line in purchase["lines"] if line["sku"] in skus]


def offer_id(campaign: JourneyCampaign, upc: str) -> str:
    """Return the id of a campaign's coupon: the same at every import."""
    return derived(OFFER, f"{SOURCE}:{campaign.number}:{upc}")


def tag(campaign: JourneyCampaign) -> str:
    """Return what the households that were mailed a campaign are tagged with."""
    return f"{SOURCE}-campaign-{campaign.number}"


async def import_offers(
    call: Call,
    folder: Path | None,
    households: Iterable[str],
    products: Mapping[str, JourneyProduct],
    *,
    shift: timedelta,
) -> JourneyOffers:
    """Store the offers that are not there yet, and return what their households need.

    Args:
        products: all that are known, by SKU; a coupon's others are left out.
        shift: moves every date as the baskets are moved.
    """
    read = read_campaigns(folder)
    chosen = set(households)
    made = JourneyOffers(_report(read, chosen), shift)
    new: list[Document] = []
    for campaign in read.campaigns:
        for household in campaign.households:
            if household in chosen:
                made._tags.setdefault(household, []).append(tag(campaign))
        for one in campaign.redemptions:
            made._redeemed.setdefault(one.household, []).append((campaign, one))
        for coupon in campaign.coupons:
            skus = frozenset(str(sku) for sku in coupon.skus)
            known = skus & products.keys()
            made.report.products_left_out += len(skus) - len(known)
            made._skus[campaign.number, coupon.upc] = known
            new.append(_offer(call, campaign, coupon, sorted(known), products, shift))
    await _store(call, new, made.report)
    return made


def _report(read: JourneyCampaigns, chosen: set[str]) -> OffersReport:
    redeemed = [
        (campaign.number, one.household, one.upc)
        for campaign in read.campaigns
        for one in campaign.redemptions
        if one.household in chosen
    ]
    return OffersReport(
        campaigns=len(read.campaigns),
        mailings=sum(len(chosen.intersection(campaign.households)) for campaign in read.campaigns),
        coupon_rows=read.coupon_rows,
        coupon_rows_repeated=read.coupon_rows_repeated,
        redemptions_read=len(redeemed),
        redemptions_repeated=len(redeemed) - len(set(redeemed)),
    )


def _offer(
    call: Call,
    campaign: JourneyCampaign,
    coupon: JourneyCoupon,
    skus: Sequence[str],
    products: Mapping[str, JourneyProduct],
    shift: timedelta,
) -> Document:
    named = Counter(category for sku in skus if (category := products[sku].category))
    about = title(named.most_common(1)[0][0], None) if named else "selected products"
    return {
        **NEW,
        "_id": offer_id(campaign, coupon.upc),
        "version": 1,
        "createdAt": call.now,
        "updatedAt": call.now,
        "title": f"1.00 off {about}",
        "description": f"Coupon {coupon.upc} of campaign {campaign.number}, {campaign.kind}.",
        "kind": OfferKind.AMOUNT.value,
        "value": VALUE,
        "startsAt": campaign.starts_at + shift,
        "endsAt": campaign.ends_at + shift,
        "conditions": {**NO_CONDITIONS, "skus": list(skus), "tags": [tag(campaign)]},
        "limits": dict(NEW["limits"]),
        "public": True,
    }


async def _store(call: Call, documents: Sequence[Document], report: OffersReport) -> None:
    """Store what is not there yet in one transaction, as a change to offers of its own number."""

    async def work(tx: Tx) -> int:
        known = await offers.ids(call.database, [document["_id"] for document in documents], tx=tx)
        new = [document for document in documents if document["_id"] not in known]
        if new:
            revision = await offers.next_revision(call.database, tx=tx)
            await offers.insert(call.database, [{**document, "revision": revision} for document in new], tx=tx)
            facts = [offer_fact(document, "SAVED") for document in new]
            by = call.caller.principal
            events = outbox.events(facts, at=call.now, owner=new[0]["_id"], principal=by, new_id=call.new_id)
            await outbox.insert(call.database, events, tx=tx)
        return len(new)

    report.offers = await call.database.transaction(work, queue="offers", seconds=60)
    report.offers_known = len(documents) - report.offers
    call.shop.known.forget_offers()
