"""Reading choices."""
