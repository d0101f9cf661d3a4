"""GraphQL's input types, made from the pydantic inputs of services/: one definition of every name and rule.

What arrives is handed on as it was sent (from_input), because the mutation itself checks it and answers with user
errors, a batch row by row.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

import strawberry
import strawberry.pydantic
from strawberry.annotation import StrawberryAnnotation
from strawberry.schema_directives import OneOf
from strawberry.types.arguments import InputContext

from services import inputs, offer_inputs, program_inputs, quote_inputs
from services.input_types import Input, NodeId

InputT = TypeVar("InputT", bound=Input)


def _as_sent(_: type, value: Mapping[str, Any], __: InputContext) -> Any:
    return value


def _input(model: type[InputT], *, one_of: bool = False) -> type[InputT]:
    """Declare a pydantic input as GraphQL's; a nullable field may be left out, which is not the same as null."""
    description = " ".join((model.__doc__ or "").split())
    strawberry.pydantic.input(model, description=description, directives=[OneOf()] if one_of else [])
    definition = model.__strawberry_definition__  # type: ignore[attr-defined]
    definition.from_input = _as_sent
    for field in definition.fields:
        field.graphql_name = model.model_fields[field.python_name].alias  # a word of Python's has another name there
        if field.default is None or one_of:
            field.default = field.default_value = strawberry.UNSET
        kinds = get_args(model.model_fields[field.python_name].annotation)
        if NodeId in kinds:
            field.type_annotation = StrawberryAnnotation(strawberry.ID | None)
        elif any(list[NodeId] in (kind, *get_args(kind)) for kind in kinds):
            field.type_annotation = StrawberryAnnotation(list[strawberry.ID] | None)
    return model


_input(inputs.ExternalIdInput)
_input(inputs.CustomerKey, one_of=True)
_input(inputs.PurchaseKey, one_of=True)
_input(inputs.ConsentInput)
_input(inputs.CreateCustomerInput)
_input(inputs.UpdateCustomerInput)
_input(inputs.UpdateMeInput)
_input(inputs.PurchaseLineInput)
_input(inputs.RecordPurchaseInput)
_input(inputs.ReturnLineInput)
_input(inputs.RecordReturnInput)
_input(inputs.StoreInput)
_input(inputs.ProductInput)
_input(inputs.FeedbackInput)
_input(inputs.EventInput)
_input(program_inputs.TierInput)
_input(program_inputs.EarningRuleInput)
_input(program_inputs.RewardInput)
_input(program_inputs.PendingPolicyInput)
_input(program_inputs.ExpiryPolicyInput)
_input(program_inputs.TierPolicyInput)
_input(program_inputs.ReferralPolicyInput)
_input(program_inputs.LoyaltyProgramInput)
_input(offer_inputs.WeeklyHoursInput)
_input(offer_inputs.OfferConditionsInput)
_input(offer_inputs.OfferLimitsInput)
_input(offer_inputs.OfferInput)
_input(quote_inputs.CartInput)
_input(inputs.CustomerFilter)
_input(inputs.FeedbackFilter)
