"""What the shop does: one function per business fact, called by GraphQL, imports, webhooks and the worker alike."""
