"""What is kept of each operation of a judged document: its fields for the policy, its cost, how it is carried out."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, OperationType

from api.limits import numbers
from api.limits.cost import Cost
from api.limits.shape import Place, Shapes
from api.limits.walk import judge


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation. `fields` are all of the schema's that it asks for, as Type.field, each once.

    `reads`: it changes nothing, so it may be given up at any moment. `batch`: it sends rows, each a fact of its own,
    and takes longer. `guesses`: it tells whether a key exists.
    """

    fields: tuple[str, ...]
    cost: Cost

    reads: bool
    batch: bool
    guesses: bool


def asked_of(schema: GraphQLSchema, document: DocumentNode) -> Mapping[str, Asked]:
    """Return the operations of a parsed document by name, an anonymous one under "".

    Raises:
        GraphQLError: the document is beyond a bound.
    """
    judge(document)
    shapes = Shapes(schema, document)
    found: dict[str, Asked] = {}
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        places, fields = shapes.of(definition)
        mutates = definition.operation is OperationType.MUTATION
        if mutates and len(places) > numbers.MUTATIONS_MAX:
            raise GraphQLError(f"An operation carries out at most {numbers.MUTATIONS_MAX} mutations.", definition)
        name = definition.name.value if definition.name else ""
        found[name] = Asked(
            fields,
            Cost(definition, places),
            reads=not mutates,
            batch=mutates and any(_takes_rows(place) for place in places.values()),
            guesses=not numbers.GUESSES.isdisjoint(fields),
        )
    return found


def _takes_rows(place: Place) -> bool:
    return place.definition is not None and "inputs" in place.definition.args
