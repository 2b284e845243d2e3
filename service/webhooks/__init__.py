"""Webhooks: an organization's own systems are told what happens to what is its own."""
