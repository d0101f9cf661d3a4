// urql as it comes: queries by GET, every Accept with text/event-stream, subscriptions over fetch.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, fetchExchange } from "@urql/core";
import { POINTS, bearer, customer, keys, sell, token, until, url } from "./served.js";

const seen = [];
const client = (credential, options = {}) =>
  new Client({
    url,
    exchanges: [fetchExchange],
    fetchOptions: { headers: bearer(credential) },
    fetch: (address, sent) => {
      seen.push({ method: sent.method, accept: new Headers(sent.headers).get("accept") });
      return fetch(address, sent);
    },
    ...options,
  });

test("a query is sent by GET, with an Accept that names event streams, and answered", async () => {
  seen.length = 0;
  const { data, error } = await client(keys.STAFF).query("query Q($n: Int) { stores(first: $n) { totalCount } }", { n: 1 });
  assert.equal(error, undefined);
  assert.equal(data.stores.totalCount, 0);
  assert.equal(seen[0].method, "GET");
  assert.match(seen[0].accept, /text\/event-stream/);
});

test("a query by POST is answered as well", async () => {
  const { data, error } = await client(keys.STAFF, { preferGetMethod: false }).query("{ __typename }", {});
  assert.equal(error, undefined);
  assert.equal(data.__typename, "Query");
});

test("a query answered as an event stream alone is read too", async () => {
  const only = { headers: { ...bearer(keys.STAFF), accept: "text/event-stream" } };
  const results = [];
  const { unsubscribe } = client(keys.STAFF, { fetchOptions: only })
    .query("{ __typename }", {})
    .subscribe((result) => results.push(result));
  const last = await until(() => results.find((result) => !result.hasNext));
  assert.equal(last.error, undefined);
  assert.equal(last.data.__typename, "Query");
  await new Promise((resolve) => setTimeout(resolve, 50)); // urql stops reading in its own time
  unsubscribe();
});

test("a mutation is sent by POST", async () => {
  seen.length = 0;
  const change = `mutation($by: CustomerKey!, $input: UpdateCustomerInput!) {
    updateCustomer(by: $by, input: $input) { customer { lastName } userErrors { code } } }`;
  const variables = { by: { id: customer }, input: { lastName: "Urql" } };
  const { data, error } = await client(keys.STAFF).mutation(change, variables);
  assert.equal(error, undefined);
  assert.deepEqual(data.updateCustomer, { customer: { lastName: "Urql" }, userErrors: [] });
  assert.equal(seen[0].method, "POST");
});

test("an error has its code", async () => {
  const { error } = await client(keys.STAFF).query("{ me { id } }", {});
  assert.equal(error.graphQLErrors[0].extensions.code, "FORBIDDEN");
});

test("a sale reaches a subscription over an event stream", async () => {
  const told = [];
  const { unsubscribe } = client(token, { fetchSubscriptions: true })
    .subscription(POINTS, {})
    .subscribe(({ data, error }) => {
      assert.equal(error, undefined);
      told.push(data.loyaltyUpdated.balance.available);
    });
  await until(() => told.length);
  await sell(4);
  await until(() => told.at(-1) >= told[0] + 4);
  unsubscribe();
});
