"""Accounts: who is asking, how they prove it, and which organizations they act for."""
