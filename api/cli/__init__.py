"""The `crm` command: serve, import, keys, token, check, schema, policy."""
