"""One operation of one caller, the same over every transport: its document found, then run or followed."""

from graphql import OperationType

from api.documents import DocumentRefused, Documents
from api.engine import Answer, Engine, refused
from api.observability.record import note_refusals
from api.requests import GraphQLRequest
from api.subscribing import Events, subscribe
from crm.callers import NOBODY, Caller
from resolvers.context import Context
from services.context import Shop


class Runner:
    """Runs what callers ask for."""

    def __init__(self, shop: Shop, engine: Engine, documents: Documents) -> None:
        self._shop = shop
        self._engine = engine
        self._documents = documents

    def only_describes(self, request: GraphQLRequest) -> bool:
        """Whether a request asks for nothing but the schema itself, in so many words."""
        return bool(request.query) and self._engine.only_describes(request.query or "", request.operation_name)

    def mutates(self, caller: Caller, request: GraphQLRequest) -> bool:
        """Whether a request would change something.

        Raises:
            BadRequest, DocumentRefused: as `Documents.text_of`.
        """
        return self._kind(self._text(caller, request), request) is OperationType.MUTATION

    async def run(
        self, caller: Caller, request: GraphQLRequest, *, reading: bool = False, streaming: bool = False
    ) -> Answer | Events:
        """Return the answer, or the answers to come of a subscription.

        Args:
            reading: mutations are refused (GET).
            streaming: the transport can carry a subscription.

        Raises:
            BadRequest: text and hash of the request do not belong together.
        """
        try:
            text = self._text(caller, request)
        except DocumentRefused as problem:
            return refused(problem.code, str(problem))
        variables, name = request.variables, request.operation_name
        if streaming and self._kind(text, request) is OperationType.SUBSCRIPTION:
            return await subscribe(self._engine, lambda: self._context(caller), text, variables, name)
        context = self._context(caller)
        answer = await self._engine.run(context, text, variables, name, reading=reading)
        note_refusals(context.call.refusals)
        return answer

    def _context(self, caller: Caller) -> Context:
        return Context(self._shop.call(caller))

    def _text(self, caller: Caller, request: GraphQLRequest) -> str:
        """Return the document that is meant; nobody is let in with a text alone, and asks for the schema with it."""
        return request.query or "" if caller is NOBODY else self._documents.text_of(request, caller)

    def _kind(self, text: str, request: GraphQLRequest) -> OperationType | None:
        operation = self._engine.prepare(text).operation(request.operation_name)
        return operation.kind if operation else None
