"""Rendered fixed-camera scenes with known truth: `Scene`, its episodes, and a player that streams frames."""

from winnow_scenes.episodes import EPISODES, Episode, parse_episodes
from winnow_scenes.scene import WORLDS, Scene, encoded
from winnow_scenes.truth import FrameTruth, SceneObject

__all__ = ["EPISODES", "WORLDS", "Episode", "FrameTruth", "Scene", "SceneObject", "encoded", "parse_episodes"]
