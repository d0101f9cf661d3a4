"""Turns what a client sent into an input, or into refusals that name the field."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from crm.refusals import Refusal, Refusals, UserErrorCode
from services.input_types import Input, Rules

InputT = TypeVar("InputT", bound=Input)


def parse(model: type[InputT], raw: Mapping[str, Any], rules: Rules, *path: str) -> InputT:
    """Return `raw` as a checked input.

    Args:
        path: where the input stands in the request; put before every field path.

    Raises:
        Refusals: everything that is wrong with it, each with its field.
    """
    try:
        return model.model_validate(raw, context=rules)
    except Refusals as found:
        raise Refusals(tuple(refusal.under(*path) for refusal in found.refusals)) from None
    except ValidationError as error:
        raise Refusals(
            tuple(
                Refusal(
                    UserErrorCode.INVALID,
                    problem["msg"].removeprefix("Value error, "),
                    (*path, *(str(part) for part in problem["loc"])) or None,
                )
                for problem in error.errors(include_url=False, include_input=False, include_context=False)
            )
        ) from None
