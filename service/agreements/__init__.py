"""Agreements: drafted from what was matched, negotiated in versions, signed by every party."""
