"""The page of ``inspect`` in a real browser; skipped where there is none."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perceiver_rl.agents.config import PolicyConfig
from perceiver_rl.agents.inspect_config import InspectConfig
from perceiver_rl.agents.inspection import inspect_agent

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium (apt-get install chromium)"),
    pytest.mark.slow,
]

# Runs after the page's own script and leaves what it finds in the page.
PROBE = """
<script>
const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const at = () => document.getElementById("clock").textContent.split(" ")[1];
const found = [at()];
press("ArrowRight"); found.push(at());
press("ArrowRight"); press("ArrowLeft"); found.push(at());
press("End"); found.push(at());
press("ArrowRight"); found.push(at());
press("Home"); found.push(at());
press(" "); found.push(document.getElementById("play").textContent);
press(" "); found.push(document.getElementById("play").textContent);
const slider = document.getElementById("slider");
slider.value = 3; slider.dispatchEvent(new Event("input")); found.push(at());
for (const layer of document.querySelectorAll("input[name=layer]")) {
  layer.click();
  found.push(document.querySelectorAll("#overlay circle.entity").length);
}
document.getElementById("zoom").click();
document.querySelector("#overlay circle.entity")?.dispatchEvent(new MouseEvent("click"));
const weights = document.getElementById("weights");
if (weights.checkVisibility()) weights.click();
document.querySelectorAll("#selection button").forEach((button) => button.click());
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
document.body.dataset.found = JSON.stringify([...found, wide]);
</script>
"""


def opened(page: Path, folder: Path, fragment: str = "", width: int = 1200) -> tuple[str, str]:
    """Return the page's elements after its scripts have run, and what the console says."""
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    flags += [f"--user-data-dir={folder}", f"--window-size={width},900", "--dump-dom"]
    done = subprocess.run(
        [CHROMIUM, *flags, f"file://{page}{fragment}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(console)


@pytest.mark.parametrize("width", [500, 1200])
@pytest.mark.parametrize(
    "policy",
    [
        PolicyConfig(selection="pointer"),
        PolicyConfig(encoder="transformer"),
        PolicyConfig(encoder="mlp"),
    ],
    ids=lambda policy: policy.encoder,
)
def test_keys_slider_and_layers_work_without_an_error(
    run: Callable[..., Any], tmp_path: Path, policy: PolicyConfig, width: int
) -> None:
    page = tmp_path / "game.html"
    episode = inspect_agent(InspectConfig(agent=str(run(policy=policy).folder), output=page))
    page.write_text(page.read_text().replace("</body>", PROBE + "</body>"))
    elements, console = opened(page, tmp_path / "profile", width=width)
    assert console == ""
    last = str(len(episode.frames) - 1)
    found = re.search('data-found="(.*?)"', elements)
    assert found
    seen = len(episode.frames[3].markers)
    keys = f'["0","1","1","{last}","{last}","0","Pause","Play","3"'
    assert found[1].replace("&quot;", '"') == f"{keys},{seen},{seen},{seen},{seen},0]"


def test_a_broken_script_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    page.write_text("<script>missing();</script>")
    assert "missing is not defined" in opened(page, tmp_path / "profile")[1]


def test_a_link_names_a_moment(run: Callable[..., Any], tmp_path: Path) -> None:
    page = tmp_path / "game.html"
    folder = run(policy=PolicyConfig(selection="pointer")).folder
    episode = inspect_agent(InspectConfig(agent=str(folder), output=page))
    elements, console = opened(page, tmp_path / "profile", "#step=2&layer=selection&row=1")
    assert console == ""
    assert f"step 2 / {len(episode.frames) - 1}" in elements
    decision = episode.frames[2].decision
    assert decision is not None
    chosen = 0 if decision.picks is None else len(decision.picks.slots)
    assert len(re.findall(r'<button class="row chosen', elements)) == chosen
    numbers = elements.count('class="number"')
    assert numbers == max(chosen - 1, 0)
