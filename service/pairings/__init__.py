"""Pairings: match runs with certificates, what facilitators change by hand, public notice, objections."""
