"""The wheel, built from a clean copy and installed in a clean environment, works from elsewhere."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.wheel

JOURNEY = """
import gymnasium as gym
import perceiver_rl, perceiver_rl.agents, perceiver_rl.envs
from stable_baselines3 import PPO
from perceiver_rl.envs import make_vec
from perceiver_rl.sb3 import EntityPolicy

assert "site-packages" in perceiver_rl.__file__, perceiver_rl.__file__
assert "site-packages" in perceiver_rl.envs.__file__, perceiver_rl.envs.__file__
env = gym.make("perceiver_rl:perceiver_rl/Battle-3m-v0")
env.reset(seed=0)
env.step(env.action_space.sample())
vec = make_vec("perceiver_rl/Battle-3m-v0", num_envs=4, seed=0)
PPO(EntityPolicy, vec, n_steps=8, batch_size=32, n_epochs=1).learn(32)
print("journey done")
"""


def run(*command: str | Path, cwd: Path) -> str:
    # Nothing of this checkout may leak into the other environment.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tracked_python_files() -> set[str]:
    """Where committed modules should be in a wheel: ``envs/x.py`` in ``perceiver_rl/envs/``."""
    listed = run("git", "ls-files", "perceiver_rl", "envs", "agents", cwd=ROOT).split()
    files = {name for name in listed if name.endswith((".py", "py.typed"))}
    return {name if name.startswith("perceiver_rl/") else f"perceiver_rl/{name}" for name in files}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    run("git", "clone", "--quiet", ROOT, source / "clone", cwd=out)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", out, source / "clone", cwd=out)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_every_committed_module(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = {n for n in archive.namelist() if n.endswith((".py", "py.typed"))}
    assert shipped == tracked_python_files()


def test_the_installed_wheel_trains_and_its_command_answers(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    run(python, "-m", "pip", "install", "--quiet", "-c", constraints, wheel, cwd=tmp_path)
    run(python, "-m", "pip", "check", cwd=tmp_path)
    assert "journey done" in run(python, "-c", JOURNEY, cwd=tmp_path)
    assert "compare" in run(tmp_path / "clean" / "bin" / "perceiver-rl", "--help", cwd=tmp_path)
