"""The kinds of fields, and the one way mutations and queries take their arguments in.

Sources are stored documents, so a field whose name is the document's needs nothing but a description. What a class
annotation says is the GraphQL type; no instance of these classes is ever made. Each kind is a resolver and says the
same once more to executor/, which answers a whole level at once (docs/executor.md).
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Annotated, Any

import strawberry
from graphql import GraphQLResolveInfo
from strawberry.extensions import FieldExtension
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.field import StrawberryField

from crm.names import camel
from crm.refusals import Refusal, Refusals, invalid
from executor.kinds import KIND, Answered, Called, Computed, Keyed, Kind, Outline, Reads, Related, Stored
from resolvers.context import Context, Load
from schema.resolver import Info, Resolver
from services.idempotent import once
from services.input_types import Input, clean_text
from services.outcomes import Outcome, codes_of, refused
from services.selling import content_fingerprint
from services.validation import parse
from store.pages import value_at

BATCH_MAX = 500
TEXT_MAX = 5000

First = Annotated[int | None, strawberry.argument(description="How many from the start, 20 by default, at most 100.")]
After = Annotated[str | None, strawberry.argument(description="Cursor behind which the part begins.")]
Last = Annotated[int | None, strawberry.argument(description="How many from the end, at most 100; not with first.")]
Before = Annotated[str | None, strawberry.argument(description="Cursor before which the part ends.")]


def default_resolver(source: Any, name: str) -> Any:
    """Return what a document has under a field's name; `id` stands under `_id` or, in embedded objects, under `id`."""
    if name == "id":
        return source["_id"] if "_id" in source else source["id"]
    return source.get(camel(name))


def stored(description: str, at: str | None = None) -> Any:
    """Return a field that stands in the document, under its own name or at a dotted path."""
    if at is None:
        return strawberry.field(description=description)

    def resolve(root: Any) -> Any:
        return value_at(root, at)

    return _of_kind(Stored(resolve, reads=(at.partition(".")[0],)), resolve, description)


def computed(compute: Callable[[Any, Context], Any], description: str, *, reads: Reads = None) -> Any:
    """Return a field that is worked out from the document and the request, without asking anybody.

    `reads` are the keys of the document that it looks at, here as in all that follow; None for any.
    """

    def resolve(root: Any, info: Info) -> Any:
        return compute(root, info.context)

    return _of_kind(Computed(compute, reads), resolve, description)


def answered(
    answer: Callable[[Context, Any], Any], description: str, *, needs: Related | None = None, reads: Reads = None
) -> Any:
    """Return a field worked out from the document by a resolver that may have to ask.

    `answer` returns the value where it has it, and an awaitable only where somebody has to be asked; `needs` is what
    it asks for in any case.
    """

    def resolve(root: Any, info: Info) -> Any:
        return answer(info.context, root)

    return _of_kind(Answered(lambda root, context: answer(context, root), needs, reads), resolve, description)


def relation(
    load: Load,
    description: str,
    *,
    key: Callable[[Any], Any | None],
    outline: Outline | None = None,
    reads: Reads = None,
) -> Any:
    """Return a field answered by a batch function for the key of each parent; no key, no answer.

    `outline` is what is known of an object from its key alone, so that its own relations can be asked for with it.
    """

    async def resolve(root: Any, info: Info) -> Any:
        wanted = key(root)
        return None if wanted is None else await info.context.load(load, wanted)

    return _of_kind(Related(load, key, outline, reads), resolve, description)


def own(load: Load, description: str, *, key: Callable[[Context], Any | None], outline: Outline) -> Any:
    """Return a field of Query answered by a batch function for a key that the request itself has."""

    async def resolve(info: Info) -> Any:
        wanted = key(info.context)
        return None if wanted is None else await info.context.load(load, wanted)

    def bind(info: GraphQLResolveInfo[Any], _: Any, __: Any) -> Callable[[Any], Any]:
        return lambda _: key(info.context)

    return _of_kind(Keyed(load, bind, outline), resolve, description)


def _of_kind(kind: Kind, resolver: Callable[..., Any], description: str) -> Any:
    return strawberry.field(resolver=resolver, description=description, metadata={KIND: kind})


def kind_of(field: StrawberryField) -> Kind | None:
    """Return the kind a field was declared with, None where its resolver has to answer."""
    if not field.is_basic_field:
        kind: Kind | None = field.metadata.get(KIND)
        return kind
    name = field.python_name
    if name == "id":
        return Stored(lambda source: default_resolver(source, name), reads=("_id", "id"))
    key = camel(name)
    return Stored(lambda source: source.get(key), key)


Decorator = Callable[[Callable[..., Any]], Any]


def field(description: str) -> Decorator:
    """Return the decorator of a field with arguments, or with more to do than one batch function."""
    decorator: Decorator = strawberry.field(description=description)
    return decorator


def query(description: str) -> Decorator:
    """Return the decorator of a query field: its inputs are checked first, a refusal is a top-level error."""
    return _decorator(description, _CheckedArguments())


def subscription(description: str) -> Decorator:
    """Return the decorator of a subscription field: an asynchronous generator whose events are the field's values."""
    decorator: Decorator = strawberry.subscription(description=description)
    return decorator


def mutation(description: str, *, batch: bool = False, rows: int = BATCH_MAX) -> Decorator:
    """Return the decorator of a mutation: inputs checked, @idempotent kept, refusals answered as data.

    Args:
        batch: whether each row of its list is carried out on its own.
        rows: how many rows a list of inputs may have.
    """
    return _decorator(description, _Mutation(batch=batch, rows=rows))


def _decorator(description: str, extension: "_CheckedArguments") -> Decorator:
    decorator: Decorator = strawberry.field(
        description=description, extensions=[extension], metadata={KIND: Called(extension.call)}
    )
    return decorator


class _CheckedArguments(FieldExtension):
    """Replaces raw inputs by checked ones before the resolver sees them."""

    def __init__(self) -> None:
        self._models: dict[str, tuple[type[Input], bool]] = {}

    def apply(self, field: StrawberryField) -> None:
        """Find out which arguments are inputs, which are lists of them, and what the resolver calls them."""
        self._resolver = Resolver(field)
        for argument in field.arguments:
            type_, many = argument.type, False
            while isinstance(type_, (StrawberryOptional, StrawberryList)):
                many = many or isinstance(type_, StrawberryList)
                type_ = type_.of_type
            if isinstance(type_, type) and issubclass(type_, Input):
                self._models[argument.python_name] = (type_, many)

    def check(self, context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments with their inputs checked.

        Raises:
            Refusals: what is wrong, each with its path from the argument.
        """
        return {name: self._checked(context, name, value) for name, value in arguments.items()}

    def _checked(self, context: Context, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return _text(value, camel(name))
        if name not in self._models or value is None:
            return value
        model, many = self._models[name]
        if not many:
            return parse(model, value, context.call.rules, camel(name))
        return self._rows(context, name, model, value)

    def _rows(self, context: Context, name: str, model: type[Input], rows: list[Any]) -> list[Any]:
        return [parse(model, row, context.call.rules, camel(name), str(index)) for index, row in enumerate(rows)]

    def call(self, raw: GraphQLResolveInfo[Any], arguments: dict[str, Any]) -> Awaitable[Any]:
        """Resolve without strawberry around it."""
        resolver = self._resolver
        return self.resolve_async(resolver.resolve, None, resolver.info(raw), **resolver.named(arguments))

    async def resolve_async(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        """Check, then resolve."""
        return await next_(source, info, **self.check(info.context, kwargs))


class _Mutation(_CheckedArguments):
    """Carries a mutation out once per idempotency key and answers refusals as user errors."""

    def __init__(self, *, batch: bool, rows: int) -> None:
        super().__init__()
        self._batch = batch
        self._rows_max = rows

    def _rows(self, context: Context, name: str, model: type[Input], rows: list[Any]) -> list[Any]:
        if len(rows) > self._rows_max:
            raise invalid(f"At most {self._rows_max} rows at once.", camel(name))
        if not self._batch:
            return super()._rows(context, name, model, rows)
        return [_row(context, model, row) for row in rows]

    async def resolve_async(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        """Check, claim the key, resolve; let later fields read anew what this one changed."""
        context = info.context
        context.call.action = info.field_name
        context.call.written.clear()  # the mutation before this one knew nothing of it
        context.call.now = context.call.shop.clock()  # mutations run one after the other, each at its own instant
        try:
            outcome: Outcome = await self._once(next_, source, info, kwargs)
        except (Refusal, Refusals) as problem:
            outcome = refused(problem, **({"results": []} if self._batch else {}))
        finally:
            context.call.claim, context.call.claim_completed = None, False
            context.forget()
        context.call.refusals += codes_of(outcome)
        return self._from_argument(outcome, kwargs)

    async def _once(self, next_: Any, source: Any, info: Info, arguments: dict[str, Any]) -> Outcome:
        """Carry the mutation out, once for its idempotency key where it has one."""

        async def run() -> Outcome:
            outcome: Outcome = await next_(source, info, **checked)
            return outcome

        checked = self.check(info.context, arguments)
        key = idempotency_key(info)
        if key is None:
            return await run()
        fingerprint = content_fingerprint({"field": info.field_name, "arguments": _plain(arguments)})
        return await once(info.context.call, key, fingerprint, run, batch=self._batch)

    @staticmethod
    def _from_argument(outcome: Outcome, arguments: Mapping[str, Any]) -> Outcome:
        """Return the outcome with the paths of its errors beginning at an argument: services begin at the input."""
        names = {camel(name) for name in arguments}
        if "input" not in names:
            return outcome
        told = {name: outcome[name] for name in ("userErrors", "warnings") if outcome.get(name)}
        return outcome | {name: [_under_input(error, names) for error in errors] for name, errors in told.items()}


def _under_input(error: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any]:
    inside = error["field"] and error["field"][0] not in names
    return {**error, "field": ["input", *error["field"]]} if inside else error


def _row(context: Context, model: type[Input], row: Any) -> Input | Refusals:
    """Return a checked row of a batch, or what is wrong with it: one bad row does not stop the others."""
    try:
        return parse(model, row, context.call.rules)
    except Refusals as problem:
        return problem


def _text(value: str, name: str) -> str:
    if len(value) > TEXT_MAX:
        raise invalid(f"At most {TEXT_MAX} characters are accepted.", name)
    try:
        return clean_text(value)
    except ValueError as problem:
        raise invalid(str(problem), name) from None


def _plain(arguments: Mapping[str, Any]) -> str:
    """Return coerced arguments as ASCII: rows of a batch are not checked yet, and may hold what UTF-8 cannot."""
    return json.dumps(arguments, default=str, sort_keys=True)


def idempotency_key(info: Info) -> str | None:
    """Return the key of @idempotent on this field, None where there is none."""
    if not any(node.directives for node in info._raw_info.field_nodes):
        return None
    for selected in info.selected_fields:
        arguments = selected.directives.get("idempotent")
        if arguments:
            return str(arguments["key"])
    return None
