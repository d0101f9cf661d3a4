// The instance under test, as tests/clients/test_clients.py serves it.
import { readFileSync } from "node:fs";

const told = JSON.parse(readFileSync(process.env.CRM_SERVED, "utf8"));

export const { url, trustedUrl, customer, keys, token, generated } = told;
export const socketUrl = url.replace("http", "ws");
export const bearer = (credential) => ({ authorization: `Bearer ${credential}` });

export const POINTS = "subscription Points { loyaltyUpdated { id balance { available } } }";
export const SELL = `mutation Sell($input: RecordPurchaseInput!) {
  recordPurchase(input: $input) { purchase { id pointsEarned } userErrors { code message } } }`;

let sales = 0;

/** A till records a sale of so many whole units to the customer, who earns as many points. */
export async function sell(amount) {
  sales += 1;
  const input = {
    externalId: { source: "clients", value: `${process.pid}-${Date.now()}-${sales}` },
    customer: { id: customer },
    channel: "POS",
    occurredAt: "2026-11-21T10:00:00Z",
    currencyCode: "USD",
    lines: [{ lineNumber: 1, sku: "MUG", title: "Mug", quantity: "1", unitPrice: `${amount}.00` }],
    total: `${amount}.00`,
  };
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...bearer(keys.POS) },
    body: JSON.stringify({ query: SELL, variables: { input } }),
  });
  const { data } = await response.json();
  if (data.recordPurchase.userErrors.length) throw new Error(JSON.stringify(data.recordPurchase.userErrors));
  return data.recordPurchase.purchase;
}

/** Resolves when `done` gives something; what a stream has told so far is looked at again and again. */
export async function until(done) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = done();
    if (found) return found;
    if (Date.now() > deadline) throw new Error("It did not come within 20 s.");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
