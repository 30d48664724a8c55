"""Pictures of one game per scenario, for the report of a comparison."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from perceiver_rl.envs import BatchedEnv
from perceiver_rl.envs.render import draw_game
from perceiver_rl.files import replacing

from .backends import PROXY
from .env_options import env_options
from .play import own_torch_seed
from .players import contender
from .tasks import Task

FOLDER: Final = "pictures"
_MOMENTS: Final = (0.0, 0.3, 0.6)
_WIDTH: Final = 480


def draw_pictures(folder: Path, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Draw evaluation game 0 of one agent per scenario: begin, middle, end.

    The agent is the first that is done, of the last stage; its outcome plays no part in the choice.

    Args:
        folder: Of the whole comparison; pictures go into a folder in it.
        tasks: All of it; scenarios without a finished agent have no pictures, nor have games that
            the proxy did not play.

    Returns:
        Per picture its ``file``, relative to the folder, and what it shows.
    """
    chosen: dict[str, Task] = {}
    for task in tasks:
        if task.arm is None or task.evaluation.backend != PROXY or not task.is_done():
            continue
        before = chosen.get(task.scenario)
        if before is None or (task.arm, task.seed) == (before.arm, before.seed):
            chosen[task.scenario] = task  # an agent's stages follow one another
    return [row for task in chosen.values() for row in _draw_game(folder, task)]


def _draw_game(folder: Path, task: Task) -> list[dict[str, Any]]:
    settings, games = task.evaluation, task.games()
    assert settings.env is not None  # a comparison says where it plays
    assert games is not None  # the task is done
    opponent, seed = settings.opponents[0], settings.eval_seed
    batch = BatchedEnv(settings.env, 1, opponent=opponent, **env_options(settings.options))
    player = contender(str(task.files.checkpoint)).player(
        batch.observation_space, batch.action_space, settings.deterministic, seed
    )
    moments = {round(share * games[opponent].lengths[0]) for share in _MOMENTS}
    frames: dict[int, NDArray[np.uint8]] = {}
    steps, info = 0, {}
    with own_torch_seed(seed):
        observation = batch.reset([seed])
        while not batch.finished[0]:
            if steps in moments:
                frames[steps] = draw_game(batch, 0)
            step = batch.step(player.act(observation))
            observation, info = step.observation, step.infos[0]
            steps += 1
    frames[steps] = draw_game(batch, 0)
    about = {
        "scenario": task.scenario,
        "agent": task.name,
        "opponent": opponent,
        "seed": seed,
        "outcome": f"score {info['score']:g}" if "score" in info else str(info.get("outcome", "")),
    }
    found = []
    for number, (at, frame) in enumerate(sorted(frames.items())):
        name = f"{FOLDER}/{task.scenario or 'game'}-{number}.png"
        with replacing(folder / name) as file:
            file.write(_small(frame))
        found.append({**about, "step": at, "steps": steps, "file": name})
    return found


def _small(frame: NDArray[np.uint8]) -> bytes:
    image = Image.fromarray(frame)
    size = (_WIDTH, round(_WIDTH * image.height / image.width))
    small = image.resize(size, Image.Resampling.LANCZOS)
    content = io.BytesIO()
    small.save(content, format="png", optimize=True)
    return content.getvalue()
