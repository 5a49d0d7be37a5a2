"""The API describes itself: OpenAPI and a readable page, made from the one table of routes."""
