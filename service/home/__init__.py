"""The front door: the page for newcomers, and each user's own home. No tables of its own."""
