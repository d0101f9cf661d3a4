// GraphQL over HTTP, as graphql-http audits it: all 61, also for a client that takes event streams as well.
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";
import { bearer, keys, url } from "./served.js";

const withHeaders = (change) => (address, options = {}) => {
  const headers = new Headers(options.headers);
  for (const [name, value] of Object.entries(bearer(keys.STAFF))) headers.set(name, value);
  change(headers);
  return fetch(address, { ...options, headers });
};

const variants = {
  "as they are": () => {},
  "with text/event-stream and multipart/mixed taken as well": (headers) => {
    const accept = headers.get("accept");
    if (accept) headers.set("accept", `${accept}, text/event-stream, multipart/mixed`);
  },
};

for (const [name, change] of Object.entries(variants)) {
  const audits = serverAudits({ url, fetchFn: withHeaders(change) });
  test(`61 audits, ${name}`, async (t) => {
    assert.equal(audits.length, 61);
    for (const audit of audits) {
      await t.test(audit.name, async () => {
        const result = await audit.fn();
        assert.equal(result.status, "ok", `${audit.id}: ${result.reason ?? ""}`);
      });
    }
  });
}
