"""Everything that knows the Not AI API: client, key, budget, retry, clock, schema, cursor walk."""
