"""Pictures, windows and films of games. Needs nothing but Pillow until a window or film is made."""

from .drawing import ENEMY, NEUTRAL, OWN
from .live import LiveView
from .picture import Artist, draw_game

__all__ = ["ENEMY", "NEUTRAL", "OWN", "Artist", "LiveView", "draw_game"]
