"""What the decision makes of the sets: a section for each kind of judgement."""
