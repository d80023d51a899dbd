"""The OpenAPI document, generated from what the endpoints declare: a build tool that no function imports."""
