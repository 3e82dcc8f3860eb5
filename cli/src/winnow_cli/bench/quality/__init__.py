"""How well the selector judges: sets with stated strengths, through the decision that runs, with intervals."""
