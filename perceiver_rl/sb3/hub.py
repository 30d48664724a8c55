"""Sharing models on the Hugging Face Hub: a model card and a checkpoint that nothing runs from.

Files are named as by ``huggingface_sb3`` (of the package sb3-team-hf-integration), whose own
``load_from_hub`` finds them; it hands them to stable-baselines3's ``load``, which unpickles.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from perceiver_rl.sb3.archive import CheckpointError
from perceiver_rl.sb3.safe import describe_checkpoint, safe_load, safe_save

CARD = "README.md"


def push_to_hub(
    model: BaseAlgorithm, repo_id: str, env_id: str, *, private: bool = False, token: Any = None
) -> str:
    """Upload a model as :func:`safe_save` writes it, with a model card; the repository is made.

    Args:
        model: PPO, A2C, MaskablePPO or RecurrentPPO with its entity policy.
        repo_id: ``user/name``.
        env_id: Id of the environment that it was trained in; the card names it.
        private: Whether a new repository is private.
        token: Of the account; None takes the one that ``hf auth login`` left.

    Returns:
        Address of the upload.

    Raises:
        CheckpointError: If the model cannot be written without pickle.
        ImportError: If the extra ``hub`` is not installed.
    """
    hub, names = _hub()
    api = hub.HfApi(token=token)
    algorithm = type(model).__name__.lower()
    file = names.ModelName(algorithm, names.EnvironmentName(env_id)).filename
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        safe_save(model, folder / file, about={"env": env_id})
        (folder / CARD).write_text(model_card(folder / file, repo_id), encoding="utf-8")
        api.create_repo(repo_id, private=private, exist_ok=True)
        message = f"Upload {type(model).__name__} for {env_id}"
        commit = api.upload_folder(repo_id=repo_id, folder_path=name, commit_message=message)
    return str(commit)


def load_from_hub(
    repo_id: str, filename: str | None = None, *, revision: str | None = None, **kwargs: Any
) -> Any:
    """Download a model and return it; nothing in the file is executed.

    Args:
        repo_id: ``user/name``.
        filename: Of the model, ``<algorithm>-<environment>.zip``; None takes the only zip file.
        revision: A branch, tag or commit; None takes the latest.
        kwargs: Further arguments of :func:`safe_load`, for instance ``env``.

    Raises:
        CheckpointError: If the file is no model of this project, or damaged, or if ``filename`` is
            needed.
        ImportError: If the extra ``hub`` is not installed.
    """
    hub, _ = _hub()
    if filename is None:
        files = hub.HfApi().list_repo_files(repo_id, revision=revision)
        models = [name for name in files if name.endswith(".zip")]
        if len(models) != 1:
            raise CheckpointError(f"{repo_id}: expected one zip file or a filename, found {models}")
        (filename,) = models
    path = hub.hf_hub_download(repo_id=repo_id, filename=filename, revision=revision)
    return safe_load(path, **kwargs)


def model_card(path: str | Path, repo_id: str) -> str:
    """Return the text of a checkpoint's card: what it is, how to load it, what made it."""
    description = describe_checkpoint(path)
    env = description["about"].get("env", "an environment of its own")
    policy = description["policy_kwargs"]
    made = "\n".join(f"- {name} {number}" for name, number in description["versions"].items())
    return f"""---
library_name: perceiver-rl
tags: [reinforcement-learning, stable-baselines3, perceiver-io, safetensors]
---

# {description["algorithm"]} on {env}

An entity policy (encoder `{policy["encoder"]}`, selection `{policy["selection"]}`, preset
`{policy["preset"]}`) after {description["counters"]["num_timesteps"]:,} environment steps. Loaded
like this, from JSON and safetensors, nothing of the file is executed:

```python
from perceiver_rl.sb3 import load_from_hub

model = load_from_hub("{repo_id}")
```

Written with:

{made}
"""


def _hub() -> tuple[Any, Any]:
    """Return the hub's client and what names models."""
    try:
        import huggingface_hub
        import huggingface_sb3
    except ImportError as error:
        message = "sharing models needs: pip install 'perceiver-rl[hub]'"
        raise ImportError(message) from error
    return huggingface_hub, huggingface_sb3
