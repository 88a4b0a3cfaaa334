"""The live contract: what the API's own OpenAPI document says of what the exporter reads."""
