"""What can be done to offers; `schema/mutation.py` has the rest."""

from typing import Annotated

import strawberry

from schema.fields import mutation
from schema.payloads import OfferCodesPayload, OfferPayload
from schema.resolver import Info
from services import offer_codes, offers
from services.inputs import CustomerKey
from services.offer_inputs import OfferInput

OfferId = Annotated[strawberry.ID, strawberry.argument(description="Which offer.")]


@strawberry.type(description="What can be done to offers.")
class OfferMutation:
    """Thin: each field is one service."""

    @mutation("Make an offer, or a new version of one.")
    async def save_offer(
        self,
        info: Info,
        *,
        id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Which offer; left out: a new one.")
        ] = None,
        input: Annotated[OfferInput, strawberry.argument(description="The offer, or what changes.")],
    ) -> OfferPayload:
        """See services/offers.py."""
        return await offers.save_offer(info.context.call, id, input)

    @mutation("Let an offer not be had any more; what was redeemed of it stays.")
    async def archive_offer(self, info: Info, id: OfferId) -> OfferPayload:
        """See services/offers.py."""
        return await offers.archive_offer(info.context.call, id)

    @mutation("Issue single-use codes of an offer, up to 10,000 at once.", rows=offer_codes.CODES_MAX)
    async def issue_offer_codes(
        self,
        info: Info,
        id: OfferId,
        count: Annotated[int, strawberry.argument(description="How many; for each customer, where some are named.")],
        customers: Annotated[
            list[CustomerKey] | None,
            strawberry.argument(description="Whose they are; left out: whoever brings one."),
        ] = None,
    ) -> OfferCodesPayload:
        """See services/offer_codes.py."""
        return await offer_codes.issue_offer_codes(info.context.call, id, count, customers)
