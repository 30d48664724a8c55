"""A stand-in for the StarCraft II process: speaks the game's API, plays this package's engine.

It is not StarCraft II. Whatever comes out of it says so: its games are of this engine.
"""

MARK = "stand-in.txt"
"""The file that tells a stand-in's directory from an installation of the game."""
