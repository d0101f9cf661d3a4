// graphql-ws, the reference client of the graphql-transport-ws protocol.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { POINTS, bearer, keys, sell, socketUrl, token, until } from "./served.js";

const connect = (credential, options = {}) => {
  const client = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: bearer(credential),
    retryAttempts: 0,
    ...options,
  });
  after(() => client.dispose());
  return client;
};
const all = (client, payload) =>
  new Promise((resolve, reject) => {
    const results = [];
    client.subscribe(payload, { next: (one) => results.push(one), error: reject, complete: () => resolve(results) });
  });

test("a query and a mutation are answered and completed", async () => {
  const client = connect(keys.STAFF);
  assert.deepEqual(await all(client, { query: "{ stores { totalCount } }" }), [{ data: { stores: { totalCount: 0 } } }]);
  const [{ data }] = await all(client, {
    query: `mutation($email: String!) { createCustomer(input: {email: $email}) { customer { id } userErrors { code } } }`,
    variables: { email: `ws-${Date.now()}@example.com` },
  });
  assert.deepEqual(data.createCustomer.userErrors, []);
});

test("a bad operation fails alone", async () => {
  let closes = 0;
  const client = connect(token, { on: { closed: () => (closes += 1) }, lazy: false });
  const told = [];
  const stop = client.subscribe({ query: POINTS }, { next: (one) => told.push(one), error: assert.fail, complete() {} });
  await until(() => told.length);
  for (const query of ["{", "{ nothing }", "{ customers { totalCount } }", "query A { __typename } query B { __typename }"]) {
    await assert.rejects(all(client, { query }), (errors) => Boolean(errors[0].extensions.code));
  }
  await sell(2);
  await until(() => told.length > 1);
  assert.equal(closes, 0);
  stop();
});

test("a subscription tells the present state, then each sale, until it is stopped", async () => {
  const client = connect(token);
  const told = [];
  for await (const { data } of client.iterate({ query: POINTS })) {
    told.push(data.loyaltyUpdated.balance.available);
    if (told.length === 1) await sell(5);
    if (told.at(-1) >= told[0] + 5) break;
  }
  assert.ok(told.length >= 2);
});

test("pings are answered", async () => {
  let pongs = 0;
  const client = connect(keys.STAFF, { keepAlive: 20, lazy: false, on: { pong: (received) => (pongs += received) } });
  await until(() => pongs >= 2);
  client.dispose();
});

test("a wrong credential is forbidden, and a client may come again with another", async () => {
  const codes = [];
  const client = connect("wrong", { on: { closed: (event) => codes.push(event.code) } });
  await assert.rejects(all(client, { query: "{ __typename }" }));
  assert.deepEqual(codes, [4403]);

  let credential = "wrong";
  const again = connect(null, {
    retryAttempts: 2,
    retryWait: async () => {},
    shouldRetry: () => true,
    connectionParams: () => bearer(credential),
    on: { closed: () => (credential = keys.STAFF) },
  });
  assert.deepEqual(await all(again, { query: "{ __typename }" }), [{ data: { __typename: "Query" } }]);
});
