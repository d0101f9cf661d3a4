"""Runs operations: parsed and validated once per document, refused or executed, errors told or masked.

Everything between a query's text and its answer is here; HTTP and sockets only carry it.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Literal
from uuid import uuid4

import structlog
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    execute,
    parse,
    specified_rules,
    validate,
)
from strawberry.exceptions import StrawberryInputCoercionError

from api.limits import numbers
from api.limits.asked import asked_of
from api.limits.buckets import Throttled
from api.limits.deadlines import TOO_LATE, TimeOver, in_time
from api.limits.meter import Meter, Paid
from api.observability.record import note_operation, step
from api.operation import IdempotentOnMutations
from api.prepared import DESCRIBING, Prepared, PreparedOperation
from crm.callers import Caller
from crm.refusals import Refusal, Refusals
from executor.plans import NotCompiled, Ready
from resolvers.context import Context
from store.deadlines import timed_out

log = structlog.get_logger()

Executor = Literal["compiled", "graphql-core"]
RULES = [*specified_rules, IdempotentOnMutations]
SUGGESTION = re.compile(r" Did you mean [^?]*\?")
NEEDS_STREAM = "Subscribe over WebSocket (graphql-transport-ws), or name text/event-stream in Accept."
DOCUMENTS_MAX = 1000
CACHED_LENGTH_MAX = numbers.DOCUMENT_CHARS_MAX
CACHED_TOTAL_MAX = 262_144
"""Characters of all documents kept: one takes some 250 bytes parsed (measured), and anybody may send a thousand."""


@dataclass(slots=True)
class Answer:
    """What a client gets. `executed` is False where the request itself was refused, before anything ran.

    `retry_after` is the seconds to wait before it is worth another try.
    """

    body: dict[str, Any]
    executed: bool
    code: str | None = None
    retry_after: int | None = None


class Engine:
    """Executes operations of one schema; keeps the last documents, good and bad. `meter`, where set, counts points.

    Args:
        executor: `compiled` runs plans (docs/executor.md), `graphql-core` runs everything the ordinary way.
        tells_schema: whether introspection and suggestions ("Did you mean ...") are answered.
        keeps: whether a document is judged once; else at every request.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        executor: Executor = "compiled",
        tells_schema: bool = True,
        keeps: bool = True,
    ) -> None:
        self._schema = schema
        self._executor = executor
        self.meter: Meter | None = None
        self._tells_schema = tells_schema
        self._keeps = keeps
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()
        self._kept = 0

    @property
    def schema(self) -> GraphQLSchema:
        """The schema that operations are of."""
        return self._schema

    def prepare(self, text: str) -> Prepared:
        """Return a document parsed and validated."""
        prepared = self._prepared.get(text)
        if prepared is not None:
            self._prepared.move_to_end(text)
            return prepared
        prepared = self._judge(text)
        prepared.unpaid = min(len(text), numbers.DOCUMENT_CHARS_MAX) // numbers.CHARS_A_POINT
        if self._keeps and len(text) <= CACHED_LENGTH_MAX:
            self._prepared[text] = prepared
            self._kept += len(text)
            while len(self._prepared) > DOCUMENTS_MAX or self._kept > CACHED_TOTAL_MAX:
                self._kept -= len(self._prepared.popitem(last=False)[0])
        return prepared

    def _judge(self, text: str) -> Prepared:
        if len(text) > numbers.DOCUMENT_CHARS_MAX:
            most = f"A document has at most {numbers.DOCUMENT_CHARS_MAX} characters."
            return Prepared(self._schema, text, None, (refusal_body("GRAPHQL_VALIDATION_FAILED", most),))
        try:
            document = parse(text, max_tokens=numbers.TOKENS_MAX)
            asked = asked_of(self._schema, document)
            errors = validate(self._schema, document, RULES, max_errors=numbers.ERRORS_MAX)
        except GraphQLError as error:
            return Prepared(self._schema, text, None, tuple(self._discreet([told(error, "GRAPHQL_VALIDATION_FAILED")])))
        except RecursionError:
            too_deep = refusal_body("GRAPHQL_VALIDATION_FAILED", "The document is nested too deeply.")
            return Prepared(self._schema, text, None, (too_deep,))
        bodies = tuple(self._discreet([told(error, "GRAPHQL_VALIDATION_FAILED") for error in errors]))
        return Prepared(self._schema, text, document, bodies, asked)

    def _discreet(self, errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return errors without the names that graphql-core suggests, where the schema is not told."""
        if self._tells_schema:
            return errors
        return [error | {"message": SUGGESTION.sub("", error["message"])} for error in errors]

    def only_describes(self, text: str, name: str | None) -> bool:
        """Whether an operation asks for nothing but the schema itself."""
        operation = self.prepare(text).operation(name)
        selections = operation.node.selection_set.selections if operation else ()
        asked = {selection.name.value for selection in selections if isinstance(selection, FieldNode)}
        return len(asked) == len(selections) and bool(asked & DESCRIBING) and asked <= {*DESCRIBING, "__typename"}

    async def run(
        self,
        context: Context,
        text: str,
        variables: Mapping[str, Any] | None,
        name: str | None,
        *,
        reading: bool = False,
    ) -> Answer:
        """Execute an operation for the context's caller.

        Args:
            reading: only queries are accepted (GET).
        """
        admitted = await self._let_pass(context.caller, text, variables, name, reading=reading)
        if isinstance(admitted, Answer):
            return admitted
        operation, paid = admitted
        answer = await self.carry_out(operation, context, variables)
        if self.meter and paid:
            data = answer.body.get("data")
            cost = await self.meter.settle(paid, context.call, operation.asked, variables, data)
            answer.body["extensions"] = {"cost": cost}
        return answer

    async def admit(
        self, context: Context, text: str, variables: Mapping[str, Any] | None, name: str | None
    ) -> PreparedOperation | Answer:
        """Return the operation that is to be followed, or why the caller may not; nothing runs yet.

        What its first event may cost is paid now. Later ones cost nothing: how many come is the shop's doing.
        """
        admitted = await self._let_pass(context.caller, text, variables, name, streaming=True)
        return admitted if isinstance(admitted, Answer) else admitted[0]

    async def _let_pass(
        self,
        caller: Caller,
        text: str,
        variables: Mapping[str, Any] | None,
        name: str | None,
        *,
        reading: bool = False,
        streaming: bool = False,
    ) -> tuple[PreparedOperation, Paid | None] | Answer:
        """Return the operation that is to be carried out with what its caller paid for it, or why it is not."""
        try:
            if self.meter:
                self.meter.check(caller)
            with step("prepare"):
                prepared = self.prepare(text)
            plan = self._plan(prepared, caller, variables, name, reading=reading, streaming=streaming)
            judging, prepared.unpaid = prepared.unpaid, 0  # whoever sends a document first pays for judging it
            if isinstance(plan, Answer):
                if self.meter:
                    await self.meter.charge(caller, judging)
                return plan
            paid = await self.meter.admit(caller, plan.asked, variables, more=judging) if self.meter else None
        except Throttled as problem:
            return throttled(problem)
        return plan, paid

    def _plan(
        self,
        prepared: Prepared,
        caller: Caller,
        variables: Mapping[str, Any] | None,
        name: str | None,
        *,
        reading: bool,
        streaming: bool,
    ) -> PreparedOperation | Answer:
        """Return the operation that is to be carried out, or why it is not."""
        if prepared.errors:
            return Answer({"errors": list(prepared.errors)}, executed=False, code="GRAPHQL_VALIDATION_FAILED")
        operation = prepared.operation(name)
        if operation is None:
            return refused("GRAPHQL_VALIDATION_FAILED", "Say which operation of the document is meant.")
        kind = operation.kind
        note_operation(kind.value, operation.name, operation.hash)
        if reading and kind is OperationType.MUTATION:
            return refused("METHOD_NOT_ALLOWED", "GET is for queries only.")
        forbidden = operation.forbidden(caller.role)
        if forbidden:
            return refused("FORBIDDEN", f"{forbidden} is not open to {caller.role}.")
        if kind is OperationType.SUBSCRIPTION and not streaming:
            return refused("NOT_ACCEPTABLE", NEEDS_STREAM)
        if operation.describes and not self._tells_schema:
            return refused("INTROSPECTION_DISABLED", "The schema is published, and not told here.")
        too_much = operation.too_much(caller.role, variables)
        return refused("GRAPHQL_VALIDATION_FAILED", too_much) if too_much else operation

    async def carry_out(
        self, operation: PreparedOperation, context: Context, variables: Mapping[str, Any] | None, root: Any = None
    ) -> Answer:
        """Execute an admitted operation in its time; `root` is the event of a subscription."""
        try:
            with step("execute"), in_time(context.call, operation.asked):
                return self.answer_of(await self._execute(operation, context, variables, root))
        except TimeOver:
            return refused("TIMEOUT", TOO_LATE)
        finally:
            context.forget()  # its loaders hold it: what is let go of here need not be found by the garbage collector

    async def _execute(
        self, operation: PreparedOperation, context: Context, variables: Mapping[str, Any] | None, root: Any = None
    ) -> ExecutionResult:
        """Run an operation by its plan, or by graphql-core where it has none; which of them is known before it runs."""
        if self._executor == "compiled" and operation.compiled:
            try:
                ready = operation.compiled.prepare(variables)
            except NotCompiled:
                pass
            else:
                return await ready.execute(context, root) if isinstance(ready, Ready) else ExecutionResult(None, ready)
        result: Any = execute(
            self._schema,
            operation.document,
            root_value=root,
            context_value=context,
            variable_values=dict(variables) if variables else None,
            operation_name=operation.node.name.value if operation.node.name else None,
        )
        if isawaitable(result):
            result = await result
        assert isinstance(result, ExecutionResult)
        return result

    def answer_of(self, result: ExecutionResult) -> Answer:
        """Return what a client gets of an execution: errors told or masked."""
        if not result.errors:
            return Answer({"data": result.data}, executed=True)
        errors = self._discreet([body for error in result.errors for body in bodies_of(error)])
        if result.data is None and not any("path" in error for error in errors):
            return Answer({"errors": errors}, executed=False, code=errors[0]["extensions"]["code"])
        return Answer({"data": result.data, "errors": errors}, executed=True)


def refused(code: str, message: str) -> Answer:
    """Return the answer to a request that does not run."""
    return Answer({"errors": [refusal_body(code, message)]}, executed=False, code=code)


def throttled(problem: Throttled) -> Answer:
    """Return the answer to a request that comes too soon."""
    extensions: dict[str, Any] = {"code": "THROTTLED", "retryAfter": problem.seconds}
    body: dict[str, Any] = {"errors": [{"message": str(problem), "extensions": extensions}]}
    if problem.cost:
        body["extensions"] = {"cost": problem.cost}
    return Answer(body, executed=False, code="THROTTLED", retry_after=problem.seconds)


def refusal_body(code: str, message: str) -> dict[str, Any]:
    """Return an error without a place in the document."""
    return {"message": message, "extensions": {"code": code}}


def told(
    error: GraphQLError, code: str, *, field: list[str] | None = None, message: str | None = None
) -> dict[str, Any]:
    """Return an error as clients see it, with its code."""
    body: dict[str, Any] = {"message": message or error.message}
    if error.locations:
        body["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        body["path"] = list(error.path)
    body["extensions"] = {"code": code} | ({"field": field} if field is not None else {})
    return body


def _of_arguments(error: GraphQLError, cause: Exception | None) -> bool:
    """Whether an error says that variables or arguments do not fit the schema; a value of ours has no node."""
    if error.path is None or isinstance(cause, StrawberryInputCoercionError):
        return True
    return isinstance(cause, GraphQLError) and bool(cause.nodes)


def bodies_of(error: GraphQLError) -> list[dict[str, Any]]:
    """Return what a client is told of an execution error: its own mistake in full, ours as an id that is in the log."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error:
        cause = cause.original_error
    if isinstance(cause, (Refusal, Refusals)):
        refusals = cause.refusals if isinstance(cause, Refusals) else (cause,)
        return [
            told(error, refusal.code, field=list(refusal.field) if refusal.field else None, message=refusal.message)
            for refusal in refusals
        ]
    if timed_out(cause):
        return [told(error, "TIMEOUT", message=TOO_LATE)]
    if _of_arguments(error, cause):
        return [told(error, "GRAPHQL_VALIDATION_FAILED")]
    id_ = uuid4().hex
    log.error("internal_error", error_id=id_, path=error.path, exc_info=cause)
    body = told(error, "INTERNAL", message="Something went wrong here; it was logged.")
    body["extensions"]["errorId"] = id_
    return [body]
