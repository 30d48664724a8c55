"""A window in which frames are shown, with pygame."""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from perceiver_rl.spaces import ContractError

MISSING: Final = "{} needs the package {}: pip install 'perceiver-rl[render]'"


class Window:
    """Shows frames one after the other, at most so many per second.

    The window opens with the first frame and follows the size of the frames. When the user closes
    it, or presses Escape or Q, ``closed`` becomes true and further frames are ignored.

    Args:
        title: What stands above it.
        fps: Frames per second.

    Raises:
        ContractError: If pygame is not installed.
    """

    def __init__(self, title: str, fps: float) -> None:
        try:
            # pygame greets on the standard output unless it is told not to.
            os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
            import pygame
        except ImportError:
            raise ContractError(MISSING.format("a window", "pygame-ce")) from None
        self._pygame: Any = pygame
        self.title = title
        self.fps = fps
        self.closed = False
        self._clock = pygame.time.Clock()
        self._screen: Any = None

    def _open(self, size: tuple[int, int]) -> None:
        pygame = self._pygame
        try:
            pygame.display.init()
            # Without a screen SDL draws into nothing, unless it is told to: nobody would see it.
            unseen = pygame.display.get_driver() == "offscreen"
            if unseen and "SDL_VIDEODRIVER" not in os.environ:
                raise pygame.error("there is no screen")
            self._screen = pygame.display.set_mode(size)
        except pygame.error as error:
            pygame.display.quit()
            raise ContractError(
                f"cannot open a window: {error}; without a screen, write a film instead"
            ) from None
        pygame.display.set_caption(self.title)

    def show(self, frame: NDArray[np.uint8]) -> None:
        """Show a frame ``[height, width, 3]`` when its time has come.

        Raises:
            ContractError: If there is no screen to open a window on.
        """
        if self.closed:
            return
        pygame = self._pygame
        size = (frame.shape[1], frame.shape[0])
        if self._screen is None or self._screen.get_size() != size:
            self._open(size)
        for event in pygame.event.get():
            keys = (pygame.K_ESCAPE, pygame.K_q)
            if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key in keys):
                self.close()
                return
        surface = pygame.surfarray.make_surface(frame.swapaxes(0, 1))
        self._screen.blit(surface, (0, 0))
        pygame.display.flip()
        self._clock.tick(self.fps)

    def close(self) -> None:
        """Close the window for good."""
        self.closed = True
        self._screen = None
        self._pygame.display.quit()
