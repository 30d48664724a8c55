"""Ships the top-level folders envs/ and agents/ inside the perceiver_rl package."""

from setuptools import find_packages, setup

FOLDER = {
    "perceiver_rl": "perceiver_rl",
    "perceiver_rl.envs": "envs",
    "perceiver_rl.agents": "agents",
}

setup(
    package_dir=FOLDER,
    packages=sorted(
        {
            ".".join(filter(None, (name, sub)))
            for name, folder in FOLDER.items()
            for sub in ("", *find_packages(folder))
        }
    ),
)
