"""Recorded verdicts, decided again from their signatures: the same, and what another policy would have kept."""
