"""The JSON API: its routes, its shapes and its OpenAPI document."""
