"""Writing pairings."""
