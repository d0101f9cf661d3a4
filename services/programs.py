"""Saves new versions of the loyalty programme (docs/decisions/0011)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from pymongo.errors import DuplicateKeyError

from crm.ids import REWARD, RULE, TIER, prefix_of, product_id
from crm.names import camel
from crm.numbers import RATE_DIGITS
from crm.refusals import Refusal, Refusals, invalid, not_found
from loyalty.program import program_at
from loyalty.program_rules import check_program, ordered_tiers
from loyalty.values import (
    EarningRule,
    ExpiryKind,
    ExpiryPolicy,
    PendingKind,
    PendingPolicy,
    Program,
    ReferralPolicy,
    Reward,
    Tier,
    TierPolicy,
)
from services.audit import Change
from services.context import Call
from services.outcomes import Outcome, done, finish, try_again
from services.program_inputs import EarningRuleInput, LoyaltyProgramInput, RewardInput, TierInput
from store import offers, programs, rewards, shop
from store.client import Tx
from store.collections import PRODUCTS

TRIES = 3


async def save_loyalty_program(call: Call, input: LoyaltyProgramInput) -> Outcome:
    """Make a new version of the programme, in force from `validFrom` on.

    Raises:
        Refusals: INVALID for everything that `check_program` says, an instant in the past, an id that is unknown;
            NOT_FOUND for a product or an offer that is not there.
    """
    for _ in range(TRIES):
        versions = await programs.versions(call.database)
        sent = merged(call, versions, input)
        await _check(call, versions, sent, input)
        program = replace(sent, tiers=ordered_tiers(sent.tiers))
        try:
            outcome = await call.database.transaction(lambda tx: _save(call, program, input, tx))  # noqa: B023 -- runs within the iteration
        except DuplicateKeyError:
            continue  # another admin saved a version meanwhile: this one is made on top of it
        call.shop.known.forget_programs()
        return outcome
    raise try_again()


async def _save(call: Call, program: Program, input: LoyaltyProgramInput, tx: Tx) -> Outcome:
    await programs.insert(call.database, program, tx=tx)
    for reward, sent in zip(program.rewards, input.rewards or (), strict=False):
        if "stock" in sent.model_fields_set:
            await rewards.set_stock(call.database, reward.id, sent.stock, tx=tx)
    said = sorted(camel(name) for name in input.model_fields_set)
    change = Change(
        of=program.id,
        before={"version": program.version - 1},
        after={"version": program.version, "validFrom": program.valid_from, "fields": said},
    )
    outcome = done(loyaltyProgram=program.version)
    return await finish(call, outcome, [], owner=program.id, tx=tx, changes=[change])


async def _check(call: Call, versions: Sequence[Program], program: Program, input: LoyaltyProgramInput) -> None:
    problems: list[Refusal] = []
    if program.valid_from < call.now:
        problems.append(invalid("A version begins now or later.", "validFrom"))
    problems += _unknown_ids(versions, input)
    problems += check_program(program)
    wanted = [product_id(reward.product_sku) for reward in program.rewards if reward.product_sku]
    found = await shop.existing(call.database, PRODUCTS, wanted)
    for index, reward in enumerate(program.rewards):
        if reward.product_sku and product_id(reward.product_sku) not in found:
            problems.append(not_found("No such product.", "rewards", str(index), "productSku"))
    problems += await _offer_problems(call, program)
    if problems:
        raise Refusals(tuple(problems))


async def _offer_problems(call: Call, program: Program) -> list[Refusal]:
    """Return what is wrong with the offers whose codes rewards give."""
    named = {index: reward.offer_id for index, reward in enumerate(program.rewards) if reward.offer_id}
    problems: list[Refusal] = []
    for index, offer in zip(named, await offers.by_ids(call.database, list(named.values())), strict=True):
        at = ("rewards", str(index), "offerId")
        if offer is None:
            problems.append(not_found("No such offer.", *at))
        elif not offer["conditions"]["requiresCode"]:
            problems.append(invalid("This offer needs no code.", *at))
    return problems


def _unknown_ids(versions: Sequence[Program], input: LoyaltyProgramInput) -> Iterable[Refusal]:
    known = {
        *(tier.id for version in versions for tier in version.tiers),
        *(rule.id for version in versions for rule in version.earning_rules),
        *(reward.id for version in versions for reward in version.rewards),
    }
    lists: tuple[tuple[str, str, Sequence[Any]], ...] = (
        ("tiers", TIER, input.tiers or ()),
        ("earningRules", RULE, input.earning_rules or ()),
        ("rewards", REWARD, input.rewards or ()),
    )
    for name, prefix, sent in lists:
        for index, one in enumerate(sent):
            if one.id is not None and (one.id not in known or prefix_of(one.id) != prefix):
                yield invalid("No earlier version has this id.", name, str(index), "id")


def merged(call: Call, versions: Sequence[Program], input: LoyaltyProgramInput) -> Program:
    """Return the new version, its tiers in the order sent: what was sent, over the version in force until then.

    A version that was planned is not built on: what changes today must not bring it into force early.
    """
    begins = input.valid_from or call.now
    before, said = program_at(versions, begins), input.model_fields_set
    changes: dict[str, Any] = {"version": versions[-1].version + 1, "valid_from": begins}
    if input.name is not None:
        changes["name"] = input.name
    if "tiers" in said:
        changes["tiers"] = tuple(_tier(call, tier) for tier in input.tiers or ())
    tiers = changes.get("tiers", before.tiers)
    if "earning_rules" in said:
        named = {tier.name.casefold(): tier.id for tier in tiers}
        changes["earning_rules"] = tuple(_rule(call, rule, named) for rule in input.earning_rules or ())
    if "rewards" in said:
        changes["rewards"] = tuple(_reward(call, reward) for reward in input.rewards or ())
    return replace(before, **changes, **_policies(input))


def _policies(input: LoyaltyProgramInput) -> Mapping[str, Any]:
    """Return the policies that were sent; null is what does least."""
    made: dict[str, Callable[[Any], Any]] = {
        "pending": lambda sent: PendingPolicy(**sent) if sent else PendingPolicy(kind=PendingKind.NONE),
        "expiry": lambda sent: ExpiryPolicy(**sent) if sent else ExpiryPolicy(kind=ExpiryKind.NEVER),
        "referral": lambda sent: ReferralPolicy(**sent) if sent else None,
    }
    policies = {}
    for name, make in made.items():
        if name in input.model_fields_set:
            sent = getattr(input, name)
            policies[name] = make(sent.model_dump() if sent else None)
    if input.tier_policy is not None:
        policies["tier_policy"] = TierPolicy(**input.tier_policy.model_dump())
    if input.returns is not None:
        policies["returns"] = input.returns
    if "overdraft_points" in input.model_fields_set:
        policies["overdraft_points"] = input.overdraft_points or 0
    return policies


def _tier(call: Call, sent: TierInput) -> Tier:
    return Tier(
        id=sent.id or call.new_id(TIER),
        name=sent.name,
        threshold=sent.threshold,
        earn_multiplier=Fraction(sent.earn_multiplier, 10**RATE_DIGITS),
        benefits=tuple(sent.benefits or ()),
    )


def _rule(call: Call, sent: EarningRuleInput, tiers: Mapping[str, str]) -> EarningRule:
    values = sent.model_dump(exclude={"id", "points_per_unit", "tiers"})
    filters = ("categories", "skus", "channels", "store_codes")
    values |= {name: tuple(values[name]) for name in filters if values[name] is not None}
    return EarningRule(
        **values,
        id=sent.id or call.new_id(RULE),
        points_per_unit=_fraction(sent.points_per_unit),
        tiers=tuple(tiers.get(name.casefold(), name) for name in sent.tiers) if sent.tiers is not None else None,
    )


def _fraction(rate: int | None) -> Fraction | None:
    return Fraction(rate, 10**RATE_DIGITS) if rate is not None else None


def _reward(call: Call, sent: RewardInput) -> Reward:
    return Reward(**sent.model_dump(exclude={"id", "stock"}), id=sent.id or call.new_id(REWARD))
