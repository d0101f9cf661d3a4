"""What a cart would earn: rated by the function that rates a sale, with all that this looks up, and posted nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from zoneinfo import ZoneInfo

from crm.offers.values import Offer
from loyalty.earning import Terms, caps_of
from loyalty.program import tier_of
from loyalty.values import Program
from services.context import Call
from services.earnings import is_first
from services.engagement import zone_of
from services.referrals import is_due
from services.shoppers import Shopper
from services.stored_sale import Rated, rate_by, sold, terms_by
from store import caps
from store.caps import CapKey
from store.client import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Earnings:
    """What rates a cart's purchase for its customer, looked up once; `terms` are known by the offers' ids."""

    call: Call
    who: Shopper
    program: Program
    zone: ZoneInfo
    first: bool
    used: Mapping[CapKey, Fraction]
    terms: dict[tuple[str, ...], Terms] = field(default_factory=dict)

    def rated(self, purchase: Document, offers: Sequence[Offer]) -> Rated:
        """Return what the cart's purchase earns with offers, whatever these leave of its lines."""
        names = tuple(offer.id for offer in offers)
        if names not in self.terms:
            self.terms[names] = terms_by(
                self.call,
                self.program,
                self.who.tier_id(self.call),
                purchase,
                used=self.used,
                zone=self.zone,
                first=self.first,
                offers=offers,
            )
        return rate_by(self.call, self.terms[names], purchase)

    def points(self, purchase: Document, offers: Sequence[Offer]) -> int:
        """Return all points that a purchase brings its customer, for having been referred as well."""
        referral = self.program.referral
        referred = referral is not None and is_due(self.who.account, self.program, purchase)
        return self.rated(purchase, offers).points + (referral.referee_points if referral and referred else 0)


async def earnings_of(call: Call, who: Shopper, purchase: Document) -> Earnings:
    """Look up what rates a purchase: whether it is the first, and what its caps have left."""
    program = who.program(call)
    capped = any(rule.cap_points is not None for rule in program.earning_rules)
    zone = await zone_of(call, purchase["storeCode"] if capped else None)
    first = await is_first(call, program, who.id)
    tier = tier_of(program, who.tier_id(call))
    used = await caps.used(call.database, who.id, caps_of(program, tier, sold(purchase, first=first), zone))
    return Earnings(call=call, who=who, program=program, zone=zone, first=first, used=used)
