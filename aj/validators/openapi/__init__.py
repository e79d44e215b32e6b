"""Registrations of tools: OpenAPI documents and MCP tools."""
