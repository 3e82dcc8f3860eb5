"""One class for each thing that a caller does differently."""


class WinnowError(Exception):
    """Something a person reads: what happened, what was kept and what to do."""


class PoisonRecord(WinnowError):
    """A record that no retry can mend: it goes to the dead letters and the next one is handled."""


class DependencyDown(WinnowError):
    """A server that does not answer: back off in place; nothing is skipped."""


class Misconfigured(WinnowError):
    """A server that will not have us as we are: no retry mends it, and no record is to blame. The process ends."""


class Refused(WinnowError):
    """What was asked for cannot be right: nothing was changed."""


class StateMismatch(WinnowError):
    """State and committed offsets disagree: the service stops rather than judge from wrong state."""
