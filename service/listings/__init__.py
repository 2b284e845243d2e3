"""Needs and offers: what is sought and what is given."""
