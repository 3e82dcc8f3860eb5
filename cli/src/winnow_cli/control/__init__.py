"""What the unbiased sample says: how much of it there is, and with labels what the rules miss."""
