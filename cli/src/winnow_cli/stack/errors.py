"""What can go wrong with the stack, one class for each thing that a caller does differently."""

from __future__ import annotations

from typing import ClassVar

from winnow_cli.failures import NOT_RUNNING, Explained


class StackError(Explained):
    """Any error of the stack."""


class AlreadyRunning(StackError):
    """Another run has this home."""


class NotRunning(StackError):
    """There is no supervisor to speak to."""

    exit_code: ClassVar[int] = NOT_RUNNING


class NoAnswer(StackError):
    """There is a supervisor, and it says nothing."""


class StartFailed(StackError):
    """A process did not become ready; the message ends with the tail of its log."""


class BadRequest(StackError):
    """The supervisor does not know what was asked for."""


class ArtifactRefused(StackError):
    """A downloaded file is not the one that the lock names; nothing of it was kept."""


class ArtifactUnavailable(StackError):
    """A file of the lock could not be downloaded."""


class UnusableMachine(StackError):
    """The servers cannot run here as things are: a folder's name, or no unprivileged user."""


class StillRunning(StackError):
    """A run that was told to stop has processes left."""
