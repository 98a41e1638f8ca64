"""Decides who may see what: host names, sessions, roles, forged requests, rate limits and the audit log."""
