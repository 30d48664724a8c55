"""Pictures, windows and films of games. Needs nothing but Pillow until a window or film is made."""

from .live import LiveView
from .picture import ENEMY, NEUTRAL, OWN, Artist, draw_game

__all__ = ["ENEMY", "NEUTRAL", "OWN", "Artist", "LiveView", "draw_game"]
