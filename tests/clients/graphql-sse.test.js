// graphql-sse in its distinct connections mode: one operation a request.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createClient } from "graphql-sse";
import { POINTS, bearer, keys, sell, token, until, url } from "./served.js";

const connect = (credential, options = {}) => {
  const client = createClient({ url, headers: bearer(credential), retryAttempts: 0, ...options });
  after(() => client.dispose());
  return client;
};
const all = (client, payload) =>
  new Promise((resolve, reject) => {
    const results = [];
    client.subscribe(payload, { next: (one) => results.push(one), error: reject, complete: () => resolve(results) });
  });

test("a query is one event and the end", async () => {
  assert.deepEqual(await all(connect(keys.STAFF), { query: "{ stores { totalCount } }" }), [
    { data: { stores: { totalCount: 0 } } },
  ]);
});

test("what is refused comes as errors with codes", async () => {
  for (const [query, code] of [
    ["{ nothing }", "GRAPHQL_VALIDATION_FAILED"],
    [POINTS, "FORBIDDEN"],
  ]) {
    const [{ errors }] = await all(connect(keys.STAFF), { query });
    assert.equal(errors[0].extensions.code, code);
  }
});

test("a wrong credential fails the request", async () => {
  await assert.rejects(all(connect("wrong"), { query: "{ __typename }" }), (error) => error.response.status === 401);
});

test("a sale reaches a subscription, and two run beside each other", async () => {
  const client = connect(token);
  const told = [[], []];
  const stops = told.map((list) =>
    client.subscribe(
      { query: POINTS },
      { next: ({ data }) => list.push(data.loyaltyUpdated.balance.available), error: assert.fail, complete() {} },
    ),
  );
  await until(() => told.every((list) => list.length));
  await sell(6);
  await until(() => told.every((list) => list.at(-1) >= list[0] + 6));
  stops.forEach((stop) => stop());
});
