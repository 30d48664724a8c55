"""A game of a checkpoint with everything that there is to show about it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.engine.fields import LOOP
from perceiver_rl.envs.render import Artist
from perceiver_rl.sb3 import EntityPolicy
from perceiver_rl.spaces import ENTITY_MASK

from .inspection_decision import Decision, decide
from .play import own_torch_seed

_QUALITY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """An entity that the policy sees, as the picture shows it.

    Args:
        slot: Its row in the observation.
        name: Its type.
        alliance: 0 own, 1 enemy, 2 neutral.
        pixel: Of its middle.
        radius: In pixels.
        health: Share left.
    """

    slot: int
    name: str
    alliance: int
    pixel: tuple[float, float]
    radius: float
    health: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The game before a step.

    Args:
        loop: Game loops run.
        picture: WebP.
        markers: The entities that the policy sees, by slot.
        decision: What it does; None at the end of the game.
        reward: For that step.
    """

    loop: int
    picture: bytes
    markers: Sequence[Marker]
    decision: Decision | None
    reward: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A game.

    Args:
        seed: Of the game.
        frames: One per step, and the final position.
        size: Width and height of the pictures.
        map_box: Pixels of the playable area: left, top, right, bottom.
        info: Of the final step; empty if the game went on.
    """

    seed: int
    frames: Sequence[Frame]
    size: tuple[int, int]
    map_box: tuple[float, float, float, float]
    info: Mapping[str, Any]


def record_episode(
    policy: EntityPolicy, batch: BatchedEnv, seed: int, deterministic: bool, steps: int
) -> Episode:
    """Play a game and keep what happens.

    Args:
        policy: Who plays.
        batch: A single game.
        seed: Of the game, and of sampled actions.
        deterministic: Take the most probable actions.
        steps: Stop after so many.
    """
    artist = Artist(batch)
    frames: list[Frame] = []
    info: Mapping[str, Any] = {}
    with own_torch_seed(seed):
        observation = batch.reset([seed])
        while True:
            picture = artist.draw()
            over = bool(batch.finished[0]) or len(frames) == steps
            decision = None if over else decide(policy, observation, deterministic)
            markers = _markers(artist, observation[ENTITY_MASK][0] > 0)
            loop, reward = int(batch.games[0, LOOP]), 0.0
            if decision is not None:
                step = batch.step(decision.action[None])
                observation, reward = step.observation, float(step.reward[0])
                info = step.infos[0] if batch.finished[0] else {}
            frames.append(
                Frame(
                    loop=loop,
                    picture=_encoded(picture),
                    markers=markers,
                    decision=decision,
                    reward=reward,
                )
            )
            if decision is None:
                break
    height, width, _ = picture.shape
    return Episode(
        seed=seed, frames=frames, size=(width, height), map_box=artist.map_box, info=info
    )


def _markers(artist: Artist, seen: NDArray[np.bool_]) -> list[Marker]:
    placed = artist.placed()
    return [
        Marker(
            slot=slot,
            name=placed[slot].sprite.name,
            alliance=placed[slot].sprite.alliance,
            pixel=placed[slot].pixel,
            radius=placed[slot].radius,
            health=placed[slot].sprite.health,
        )
        for slot in np.flatnonzero(seen).tolist()
    ]


def _encoded(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "webp", quality=_QUALITY)
    return file.getvalue()
