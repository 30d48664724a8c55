"""Write docs/scenarios: a page and a picture per scenario, an index, and the gallery.

    python scripts/make_docs.py                      write all pages from the tables and scores.json
    python scripts/make_docs.py --measure            play the controls' games of all scenarios anew
    python scripts/make_docs.py --measure Battle-3m  of this one; the others keep their scores
    python scripts/make_docs.py --pictures           draw all pictures anew

A scenario without a picture, or without scores of every control, gets them in any case.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rich.progress import track

from perceiver_rl.agents.machine import commit
from perceiver_rl.agents.play import play_to_the_end
from perceiver_rl.agents.statistics import wilson
from perceiver_rl.envs import BatchedEnv, Scenario, make_control
from perceiver_rl.envs.controls import suitable_controls
from perceiver_rl.envs.render import Artist
from perceiver_rl.envs.scenarios import SCENARIOS

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from scripts.scenario_pages import Score, index_page, read_scores, scenario_page  # noqa: E402

PAGES = ROOT / "docs" / "scenarios"
SCORES = PAGES / "scores.json"
FIRST_SEED = 2_000_000_000
GAMES = 64
GAMES_OF_MANY = 16
MANY = 100
RESAMPLES = 2000
THUMBNAIL = (240, 180)
HEADER = 64
COLUMNS = 5


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", nargs="*", metavar="SCENARIO", choices=[*SCENARIOS, []])
    parser.add_argument("--pictures", action="store_true")
    options = parser.parse_args()
    anew = SCENARIOS if options.measure == [] else options.measure or ()
    stored = json.loads(SCORES.read_text()) if SCORES.exists() else {}
    for name in track(list(SCENARIOS), "scenarios"):
        if name in anew or not _is_measured(SCENARIOS[name], stored.get(name)):
            stored[name] = measure(SCENARIOS[name])
            write_scores(stored)
        image = PAGES / "images" / f"{name}.png"
        if options.pictures or not image.exists():
            image.parent.mkdir(parents=True, exist_ok=True)
            _small(Image.fromarray(picture(SCENARIOS[name]))).save(image, optimize=True)
    write_scores({name: stored[name] for name in SCENARIOS})
    write_pages(stored)
    gallery(list(SCENARIOS)).save(ROOT / "docs" / "gallery.png", optimize=True)


def _is_measured(scenario: Scenario, stored: dict[str, Any] | None) -> bool:
    """Tell whether there are scores of just the controls that suit a scenario."""
    suitable = suitable_controls(BatchedEnv(scenario, 1).action_space)
    return stored is not None and [row["control"] for row in stored["controls"]] == list(suitable)


def write_scores(stored: dict[str, Any]) -> None:
    """Keep the scores, so that pages can be written without playing."""
    PAGES.mkdir(parents=True, exist_ok=True)
    SCORES.write_text(json.dumps(stored, indent=1) + "\n")


def write_pages(stored: dict[str, Any]) -> None:
    """Write every page and the index; pages of scenarios that are gone vanish."""
    for old in PAGES.glob("*.md"):
        old.unlink()
    scores = {name: read_scores(stored[name]["controls"]) for name in SCENARIOS}
    for name, scenario in SCENARIOS.items():
        page = scenario_page(scenario, scores[name], stored[name]["commit"])
        (PAGES / f"{name}.md").write_text(page)
    (PAGES / "index.md").write_text(index_page(SCENARIOS.values(), scores))


def measure(scenario: Scenario) -> dict[str, Any]:
    """Let each control that suits a scenario play it, and return the scores."""
    games = GAMES if scenario.slots < MANY else GAMES_OF_MANY
    names = suitable_controls(BatchedEnv(scenario, 1).action_space)
    return {
        "commit": (commit() or "an unknown commit")[:10],
        "controls": [_score(scenario, name, games)._asdict() for name in names],
    }


class _Listener:
    """A batch whose final scores are kept."""

    def __init__(self, batch: BatchedEnv) -> None:
        self.batch = batch
        self.scores = [0.0] * batch.num_envs

    def reset(self, seeds: Sequence[int]) -> Any:
        return self.batch.reset(seeds)

    def step(self, actions: NDArray[np.int64]) -> Any:
        step = self.batch.step(actions)
        for row, info in enumerate(step.infos):
            if "score" in info:
                self.scores[row] = float(info["score"])
        return step


def _score(scenario: Scenario, name: str, games: int) -> Score:
    batch = _Listener(BatchedEnv(scenario, games))
    control = make_control(name, batch.batch.observation_space, batch.batch.action_space, 0)
    played = play_to_the_end(batch, control, range(FIRST_SEED, FIRST_SEED + games))
    if scenario.scored:
        value = statistics.fmean(batch.scores)
        low, high = _interval(np.array(batch.scores))
    else:
        value, (low, high) = played.wins / games, wilson(played.wins, games)
    rounded = (round(number, 4) for number in (value, low, high, played.mean_length))
    return Score(name, games, *rounded)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of the mean."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (RESAMPLES, len(values))).mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def picture(scenario: Scenario) -> NDArray[np.uint8]:
    """Return the most eventful frame of the first third of a game that a script plays."""
    batch = BatchedEnv(scenario, 1)
    suitable = suitable_controls(batch.action_space)
    name = "attack-nearest" if "attack-nearest" in suitable else suitable[-1]
    control = make_control(name, batch.observation_space, batch.action_space, 0)
    artist = Artist(batch)
    observation = batch.reset([FIRST_SEED])
    best, most = artist.draw(), -1.0
    for _ in range(scenario.step_limit // 3):
        step = batch.step(control.act(observation))
        observation = step.observation
        frame = artist.draw()
        if batch.finished[0]:
            break
        below = frame[HEADER:].astype(int)
        eventful = float(((below.max(2) > 200) & (np.ptp(below, axis=2) > 60)).sum())
        if eventful > most:
            best, most = frame, eventful
    return best


def _small(image: Image.Image) -> Image.Image:
    return image.quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def gallery(names: Sequence[str]) -> Image.Image:
    """Return what happens in all pictures, in rows."""
    width, height = THUMBNAIL
    rows = -(-len(names) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (width + 8), rows * (height + 8)), (14, 17, 21))
    for index, name in enumerate(names):
        with Image.open(PAGES / "images" / f"{name}.png") as image:
            thumbnail = _close_up(image.convert("RGB"))
        ImageDraw.Draw(thumbnail).text((6, 4), name, font=ImageFont.load_default(12))
        row, column = divmod(index, COLUMNS)
        sheet.paste(thumbnail, (column * (width + 8) + 4, row * (height + 8) + 4))
    return _small(sheet)


def _close_up(image: Image.Image) -> Image.Image:
    """Cut out the part of a picture in which there is something, in the shape of a thumbnail."""
    below = np.asarray(image).astype(int)[HEADER:]
    ys, xs = np.nonzero(np.ptp(below, axis=2) > 60)
    width = max(np.ptp(xs) + 80, (np.ptp(ys) + 80) * THUMBNAIL[0] / THUMBNAIL[1], 240)
    width = min(width, image.width, below.shape[0] * THUMBNAIL[0] / THUMBNAIL[1])
    height = width * THUMBNAIL[1] / THUMBNAIL[0]
    left = np.clip((xs.min() + xs.max() - width) / 2, 0, image.width - width)
    top = HEADER + np.clip((ys.min() + ys.max() - height) / 2, 0, below.shape[0] - height)
    box = (left, top, left + width, top + height)
    return image.resize(THUMBNAIL, Image.Resampling.LANCZOS, box=box)


if __name__ == "__main__":
    main()
