"""The loyalty programme as clients see it, and what its rewards are to one customer."""

from collections.abc import Sequence

from loyalty.values import Program, Reward
from resolvers import points
from resolvers.context import Context
from resolvers.tiers import tier_document
from store import programs, rewards
from store.client import Document


async def program_in_force(context: Context) -> Document:
    """Return the version in force now."""
    return program_document((await context.call.shop.known.programs()).at(context.call.now))


async def versions(context: Context, numbers: list[int]) -> Sequence[Document | None]:
    """Batch function: versions by number, as stored: another process may have saved one this moment."""
    known = {program.version: program for program in await programs.versions(context.call.database)}
    return [program_document(known[number]) if number in known else None for number in numbers]


async def by_ids(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: the programme by its id, which stays over its versions."""
    program = await program_in_force(context)
    return [program if program["_id"] == id_ else None for id_ in ids]


def program_document(program: Program) -> Document:
    """Return a version as clients see it."""
    document = programs.document(program)
    document["_id"] = document.pop("programId")
    document["tiers"] = [tier_document(tier) for tier in program.tiers]
    document["earningRules"] = [{**rule, "_id": rule["id"]} for rule in document["earningRules"]]
    document["rewards"] = [reward_document(reward) for reward in program.rewards]
    return document


def reward_document(reward: Reward) -> Document:
    """Return a reward as clients see it, without its stock, which is counted elsewhere."""
    return {
        "_id": reward.id,
        "title": reward.title,
        "description": reward.description,
        "points": reward.points,
        "kind": reward.kind.value,
        "value": reward.value,
        "productSku": reward.product_sku,
        "offerId": reward.offer_id,
        "perCustomerLimit": reward.per_customer_limit,
        "active": reward.active,
    }


async def rewards_by_id(context: Context, ids: list[str]) -> Sequence[Document | None]:
    """Batch function: rewards by id, as the version in force says, else the newest that was."""
    known, now = await context.call.shop.known.programs(), context.call.now
    begun = [program for program in known.versions if program.valid_from <= now]
    found = {reward.id: reward for program in [*begun, known.at(now)] for reward in program.rewards}
    return [reward_document(found[id_]) if id_ in found else None for id_ in ids]


async def stocks(context: Context, ids: list[str]) -> Sequence[int | None]:
    """Batch function: how many are left of each reward; None where nobody counts."""
    found = await rewards.stocks(context.call.database, ids)
    return [found.get(id_) for id_ in ids]


async def stock(context: Context, reward: Document) -> int | None:
    """Return how many of a reward are left."""
    left: int | None = await context.load(stocks, reward["_id"])
    return left


async def options(context: Context, account: Document | None) -> list[Document]:
    """Return the rewards that can be had now, and what is missing for each; cheapest first. Nobody has no points."""
    available = (await points.balance_now(context, account))["available"] if account else 0
    program = (await context.call.shop.known.programs()).at(context.call.now)
    active = sorted((one for one in program.rewards if one.active), key=lambda one: (one.points, one.id))
    left = await context.loader(stocks).load_many([reward.id for reward in active])
    limited = [reward.id for reward in active if reward.per_customer_limit is not None]
    had = await rewards.counts(context.call.database, account["customerId"], limited) if account and limited else {}
    return [
        {
            "reward": reward_document(reward),
            "affordable": reward.points <= available,
            "missingPoints": max(reward.points - available, 0),
        }
        for reward, count in zip(active, left, strict=True)
        if (count is None or count > 0)
        and (reward.per_customer_limit is None or had.get(reward.id, 0) < reward.per_customer_limit)
    ]
