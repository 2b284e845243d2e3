"""The audit trail: who did what, when and why, read from the log of events. No tables of its own."""
