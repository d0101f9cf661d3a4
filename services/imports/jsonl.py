"""Loads a shop's own data: customers, purchases and returns, one JSON object a line; a second run adds nothing.

A line is `{"customer": {…}}`, `{"purchase": {…}}` or `{"return": {…}}` around the contract's CreateCustomerInput,
RecordPurchaseInput (whose lines may be empty) or RecordReturnInput. What cannot go in is reported with its line
number; the rest goes in.

Order. The file is read in windows. Lines of one window that name the same person or purchase, by whatever key, form a
lane: a customer's line names all its keys, and keys known to the shop stand for their owner. A lane is worked off in
the order of the file, several lanes at once, and a window ends before the next begins. So whatever the file says of
one person happens in the file's order, and only what different people did may overlap.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from crm.callers import SYSTEM
from crm.refusals import Field, Refusal, Refusals, UserErrorCode, invalid
from services.context import Shop
from services.customers import create_customer, key_documents
from services.inputs import CreateCustomerInput, ImportedPurchaseInput, RecordReturnInput
from services.lookup import customer_key, purchase_key
from services.outcomes import Outcome
from services.purchases import record_purchase
from services.returns import record_return
from services.validation import parse
from store import keys
from store.client import Document

LINE_BYTES_MAX = 1_000_000
WINDOW_LINES = 1_000
WINDOW_BYTES = 8_000_000
LANES_AT_ONCE = 16
PROBLEMS_MAX = 1_000
BOM = b"\xef\xbb\xbf"

KINDS: Mapping[str, type[CreateCustomerInput] | type[ImportedPurchaseInput] | type[RecordReturnInput]] = {
    "customer": CreateCustomerInput,
    "purchase": ImportedPurchaseInput,
    "return": RecordReturnInput,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line, or a part of it, did not go in. `field` is the path within the line, such as purchase, total."""

    line: int
    code: str
    field: Field
    message: str


@dataclass(slots=True)
class Imported:
    """What became of a file's lines, blank ones left out: read = customers + purchases + returns + unchanged + refused.

    A line can have several problems; the first `PROBLEMS_MAX` of all are kept, in the order of the file.
    """

    read: int = 0
    customers: int = 0
    purchases: int = 0
    returns: int = 0
    unchanged: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)


class _RawLine(NamedTuple):
    """A line as read; None where it is too long."""

    number: int
    content: bytes | None


class _Line(NamedTuple):
    """A line that can be carried out."""

    number: int
    kind: str
    input: CreateCustomerInput | ImportedPurchaseInput | RecordReturnInput


_Refused = dict[int, list[Problem]]
"""What is wrong with the lines of a window, by line number."""


async def import_jsonl(shop: Shop, path: Path, progress: Callable[[int], None] | None = None) -> Imported:
    """Load a file; a line that cannot go in does not stop the others.

    Args:
        progress: called with the bytes read and worked off so far.

    Raises:
        OSError: the file cannot be read.
    """
    report = Imported()
    with path.open("rb") as file:
        for window in _windows(file):
            refused: _Refused = {}
            lines = [line for raw in window if (line := _line(shop, raw, refused)) is not None]
            await _work_off(shop, await _lanes(shop, lines), report, refused)
            report.read += len(window)
            _tell(report, refused)
            if progress:
                progress(file.tell())
        if progress:  # blank lines at the end are in no window
            progress(file.tell())
    return report


def _windows(file: BinaryIO) -> Iterator[list[_RawLine]]:
    """Yield the lines of a file in parts of bounded size, without blank ones."""
    window: list[_RawLine] = []
    size = 0
    for raw in _raw_lines(file):
        window.append(raw)
        size += len(raw.content or b"")
        if len(window) >= WINDOW_LINES or size >= WINDOW_BYTES:
            yield window
            window, size = [], 0
    if window:
        yield window


def _raw_lines(file: BinaryIO) -> Iterator[_RawLine]:
    number = 0
    while content := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        if len(content) > LINE_BYTES_MAX and not content.endswith(b"\n"):
            while content and not content.endswith(b"\n"):
                content = file.readline(LINE_BYTES_MAX)
            yield _RawLine(number, None)
            continue
        if number == 1:
            content = content.removeprefix(BOM)
        if content.strip():
            yield _RawLine(number, content)


def _line(shop: Shop, raw: _RawLine, refused: _Refused) -> _Line | None:
    try:
        return _parsed(shop, raw)
    except (Refusal, Refusals) as problem:
        refused[raw.number] = _problems(raw.number, problem)
        return None


def _problems(line: int, problem: Refusal | Refusals, *path: str) -> list[Problem]:
    refusals = problem.refusals if isinstance(problem, Refusals) else (problem,)
    return [Problem(line, one.code.value, (*path, *(one.field or ())), one.message) for one in refusals]


def _parsed(shop: Shop, raw: _RawLine) -> _Line:
    """Return a line with its input.

    Raises:
        Refusal: the line is too long, not UTF-8, not JSON or not one of the three shapes.
        Refusals: what is wrong with the input.
    """
    if raw.content is None:
        raise invalid(f"A line has at most {LINE_BYTES_MAX:,} bytes.")
    try:
        value = orjson.loads(raw.content.decode())
    except UnicodeDecodeError:
        raise invalid("This is not UTF-8.") from None
    except orjson.JSONDecodeError as error:
        raise invalid(f"This is not JSON: {error.msg}, at character {error.pos + 1}.") from None
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= KINDS.keys():
        raise invalid('Expected an object with one key: {"customer": …}, {"purchase": …} or {"return": …}.')
    ((kind, sent),) = value.items()
    made = parse(KINDS[kind], sent, shop.call(SYSTEM).rules, kind)
    if isinstance(made, ImportedPurchaseInput) and not made.lines and made.total:
        raise invalid("Only a purchase of total 0 may have no lines.", kind, "lines")
    return _Line(raw.number, kind, made)


async def _lanes(shop: Shop, lines: Sequence[_Line]) -> list[list[_Line]]:
    """Return the lines in lanes, each in the order of the file, the lane of the earliest line first."""
    names = [_names(line) for line in lines]
    known = await keys.find(shop.database, (name for named in names for name in named))
    lane_of: dict[str, list[_Line]] = {}
    lanes: dict[int, list[_Line]] = {}
    for line, named in zip(lines, names, strict=True):
        everything = [*named, *(known[name]["owner"] for name in named if name in known)]
        joined = {id(lane): lane for name in everything if (lane := lane_of.get(name)) is not None}
        largest = max(joined.values(), key=len, default=[])
        for lane in joined.values():
            if lane is not largest:
                largest += lanes.pop(id(lane))
                lane_of |= {name: largest for name, other in lane_of.items() if other is lane}
        largest.append(line)
        lanes[id(largest)] = largest
        lane_of |= dict.fromkeys(everything, largest)
    for lane in lanes.values():
        lane.sort(key=lambda line: line.number)
    return sorted(lanes.values(), key=lambda lane: lane[0].number)


def _names(line: _Line) -> list[str]:
    """Return the keys of whomever and whatever a line is about; a customer's id stands for itself."""
    match line.input:
        case CreateCustomerInput() as customer:
            person: Document = {"_id": "", "email": customer.email, "phone": customer.phone}
            person["cardNumber"] = customer.card_number
            person["externalIds"] = [external.model_dump() for external in customer.external_ids or ()]
            return [key["_id"] for key in key_documents(person)]
        case ImportedPurchaseInput(external_id=external, customer=buyer):
            return [keys.purchase(external.pair), *([customer_key(buyer)] if buyer else [])]
        case RecordReturnInput(external_id=external, purchase=purchase):
            return [keys.purchase_return(external.pair), purchase_key(purchase)]


async def _work_off(shop: Shop, lanes: Sequence[Sequence[_Line]], report: Imported, refused: _Refused) -> None:
    """Carry lanes out, some at once; what is no refusal stops them all and is raised."""
    waiting = iter(lanes)

    async def work() -> None:
        for lane in waiting:
            for line in lane:
                await _carry_out(shop, line, report, refused)

    workers = [asyncio.create_task(work()) for _ in range(min(LANES_AT_ONCE, len(lanes)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _carry_out(shop: Shop, line: _Line, report: Imported, refused: _Refused) -> None:
    try:
        outcome = await _effect(shop, line)
    except (Refusal, Refusals) as problem:
        if await _is_there(shop, line, problem):
            report.unchanged += 1
        else:
            refused[line.number] = _problems(line.number, problem, line.kind)
        return
    if outcome["userErrors"]:
        refused[line.number] = [
            Problem(line.number, error["code"], (line.kind, *(error["field"] or ())), error["message"])
            for error in outcome["userErrors"]
        ]
    elif outcome["replayed"]:
        report.unchanged += 1
    else:
        counted = f"{line.kind}s"
        setattr(report, counted, getattr(report, counted) + 1)


async def _effect(shop: Shop, line: _Line) -> Outcome:
    """Do what a line says, in a call of its own."""
    call = shop.call(SYSTEM)
    match line.input:
        case CreateCustomerInput() as customer:
            return await create_customer(call, customer)
        case ImportedPurchaseInput() as purchase:
            return await record_purchase(call, purchase)
        case RecordReturnInput() as back:
            return await record_return(call, back)


async def _is_there(shop: Shop, line: _Line, problem: Refusal | Refusals) -> bool:
    """Whether a refused line is a customer who is there with every key of it, from an earlier run or otherwise."""
    if not isinstance(problem, Refusal) or problem.code is not UserErrorCode.ALREADY_EXISTS:
        return False
    wanted = set(_names(line))
    found = await keys.find(shop.database, wanted)
    return wanted == found.keys() and len({key["ref"] for key in found.values()}) == 1


def _tell(report: Imported, refused: _Refused) -> None:
    """Count a window's refused lines and keep what is wrong with them, in the order of the file."""
    report.refused += len(refused)
    for number in sorted(refused):
        report.problems += refused[number][: PROBLEMS_MAX - len(report.problems)]
