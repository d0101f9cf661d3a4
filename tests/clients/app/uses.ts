// Compiled and never run: types come from the documents, and what does not fit them is an error.
import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core";
import { Follow, MyPoints, Redeem } from "./operations.js";

export const name = (result: ResultOf<typeof MyPoints>): string | null | undefined => result.me?.firstName;
export const points = (result: ResultOf<typeof Follow>): number => result.loyaltyUpdated.balance.available;
export const byCard: VariablesOf<typeof Redeem> = { customer: { cardNumber: "1" }, rewardId: "rew_1" };

// @ts-expect-error -- a key names one thing: CustomerKey is a OneOf input
export const byTwo: VariablesOf<typeof Redeem> = { customer: { cardNumber: "1", email: "a@example.com" }, rewardId: "r" };
// @ts-expect-error -- the field was not asked for
export const email = (result: ResultOf<typeof MyPoints>) => result.me?.email;
