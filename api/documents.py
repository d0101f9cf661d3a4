"""Which document a request means: by text, by a hash sent before (Apollo's persisted queries), or by trusted id.

Persisted queries are kept in each process's memory, bounded, and for each caller apart: nobody reads, fills or drops
what is another's. What was forgotten is asked for again by the protocol itself.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping

from api.requests import BadRequest, GraphQLRequest
from crm.callers import Caller
from crm.values import Role

NOT_FOUND, NOT_TRUSTED = "PERSISTED_QUERY_NOT_FOUND", "DOCUMENT_NOT_TRUSTED"
CALLER_DOCUMENTS_MAX = 100
CALLER_CHARS_MAX = 131_072
ALL_CHARS_MAX = 8_388_608
BOUND_ROLES = frozenset({Role.STOREFRONT, Role.CUSTOMER, Role.POS})
"""Roles that ship with an app whose documents are known; staff and administrators write their own."""


class DocumentRefused(Exception):
    """The request's document is not known, or not one this caller may run; `code` says which."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Documents:
    """Finds the text of a request. `trusted` maps ids to the only texts that the roles above may run; None: any."""

    def __init__(self, trusted: Mapping[str, str] | None) -> None:
        self._trusted = trusted
        self._texts = frozenset(trusted.values()) if trusted is not None else frozenset()
        self._persisted = Persisted()

    def text_of(self, request: GraphQLRequest, caller: Caller) -> str:
        """Return the text that a caller's request means.

        Raises:
            DocumentRefused: no text goes by this name, or the caller may not run it.
            BadRequest: text and hash do not belong together.
        """
        if self._trusted is not None and caller.role in BOUND_ROLES:
            return self._trusted_text(self._trusted, request)
        if request.document_id is None:
            assert request.query is not None
            return request.query
        if not request.hashed:
            known = (self._trusted or {}).get(request.document_id)
            if known is None or request.query not in (None, known):
                raise DocumentRefused(NOT_FOUND, "PersistedQueryNotFound")
            return known
        return self._hashed_text(request.document_id, request.query, caller)

    def _trusted_text(self, trusted: Mapping[str, str], request: GraphQLRequest) -> str:
        if request.query is None:
            known = trusted.get((request.document_id or "").removeprefix("sha256:"))
            if known is None:  # a client that has the text sends it now, and is told more
                raise DocumentRefused(NOT_FOUND, "PersistedQueryNotFound")
            return known
        if request.query not in self._texts:
            raise DocumentRefused(NOT_TRUSTED, "This caller runs the shop's trusted documents alone.")
        return request.query

    def _hashed_text(self, hash_: str, text: str | None, caller: Caller) -> str:
        if text is None:
            known = self._persisted.get(caller.principal, hash_) or (self._trusted or {}).get(hash_)
            if known is None:
                raise DocumentRefused(NOT_FOUND, "PersistedQueryNotFound")
            return known
        if hashlib.sha256(text.encode()).hexdigest() != hash_.lower():
            raise BadRequest(400, "The query does not have this sha256Hash.")
        self._persisted.put(caller.principal, hash_, text)
        return text


class Persisted:
    """Texts by caller and hash: the least lately used go first, a caller's own before anybody's."""

    def __init__(self) -> None:
        self._callers: OrderedDict[str, OrderedDict[str, str]] = OrderedDict()
        self._chars: dict[str, int] = {}
        self.chars = 0

    def get(self, principal: str, hash_: str) -> str | None:
        """Return a caller's text, None where it is not kept."""
        texts = self._callers.get(principal)
        text = texts.get(hash_) if texts else None
        if texts and text is not None:
            self._callers.move_to_end(principal)
            texts.move_to_end(hash_)
        return text

    def put(self, principal: str, hash_: str, text: str) -> None:
        """Keep a caller's text; one that is longer than all of a caller's may be is not kept."""
        if len(text) > CALLER_CHARS_MAX or self.get(principal, hash_) is not None:
            return
        texts = self._callers.setdefault(principal, OrderedDict())
        self._callers.move_to_end(principal)
        texts[hash_] = text
        self._count(principal, len(text))
        while len(texts) > CALLER_DOCUMENTS_MAX or self._chars[principal] > CALLER_CHARS_MAX:
            self._count(principal, -len(texts.popitem(last=False)[1]))
        while self.chars > ALL_CHARS_MAX:
            oldest, _ = self._callers.popitem(last=False)
            self.chars -= self._chars.pop(oldest)

    def _count(self, principal: str, chars: int) -> None:
        self._chars[principal] = self._chars.get(principal, 0) + chars
        self.chars += chars
