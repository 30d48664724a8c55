"""The real game's door: our observations and actions over PySC2's ``SC2Env``.

Importing this package needs neither PySC2 nor the game; both are looked for when a game starts.
"""
