"""Generates the OpenAPI document from the endpoints' declarations; a build tool that no function imports."""
