"""Writing meetings."""
