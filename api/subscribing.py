"""Runs subscriptions: admitted like any operation, then one execution by the same engine for every event."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, GraphQLError, OperationType, create_source_event_stream
from graphql.execution import Executor

from api.engine import Answer, Engine
from api.observability.record import apart
from api.prepared import PreparedOperation
from resolvers.context import Context

Events = AsyncGenerator[Answer, None]
"""Answers, one for each event; whoever stops early closes it, and with it everything behind it."""


async def subscribe(
    engine: Engine,
    fresh: Callable[[], Context],
    text: str,
    variables: Mapping[str, Any] | None,
    name: str | None,
) -> Answer | Events:
    """Begin a subscription, or say why it does not begin.

    Args:
        fresh: makes a context of this instant; each event is executed in one of its own.
    """
    context = fresh()
    operation = await engine.admit(context, text, variables, name)
    if isinstance(operation, Answer):
        return operation
    assert operation.node.operation is OperationType.SUBSCRIPTION
    executor = Executor.build(
        engine.schema,
        operation.document,
        context_value=context,
        raw_variable_values=dict(variables or {}),
        operation_name=name,
    )
    if not isinstance(executor, Executor):
        return engine.answer_of(ExecutionResult(None, errors=executor))
    source: Any = create_source_event_stream(executor)
    if isawaitable(source):
        source = await source
    if isinstance(source, ExecutionResult):
        return engine.answer_of(source)
    return _answers(engine, fresh, operation, variables, source)


async def _answers(
    engine: Engine,
    fresh: Callable[[], Context],
    operation: PreparedOperation,
    variables: Mapping[str, Any] | None,
    source: AsyncIterable[Any],
) -> Events:
    try:
        async for event in source:
            with apart():
                answer = await engine.carry_out(operation, fresh(), variables, event)
            yield answer
    except Exception as problem:  # noqa: BLE001 -- the source's: told or masked like any other
        error = GraphQLError(str(problem), operation.node, path=[_response_key(operation)], original_error=problem)
        yield engine.answer_of(ExecutionResult(None, errors=[error]))
    finally:
        close = getattr(source, "aclose", None)
        if close:
            await close()


def _response_key(operation: PreparedOperation) -> str:
    """Return under which name the one field of a subscription is answered."""
    selection: Any = operation.node.selection_set.selections[0]
    name = getattr(selection, "alias", None) or getattr(selection, "name", None)
    return name.value if name else "subscription"
