"""The published models have the published sizes."""

import pytest
import torch

from perceiver_rl.models import GLUE, PUBLISHED, build_model

# Recomputed from the reference's configurations, in millions.
PARAMETERS = {
    "language-bytes": 201.108,
    "language-bytes-plus": 425.607,
    "language-sentencepiece": 223.155,
    "flow": 41.057,
    "flow-small": 27.909,
    "multimodal": 19.859,
    "image-fourier": 48.441,
    "image-learned": 62.256,
    "image-conv": 48.647,
    "image-fourier-large": 213.083,
    "image-conv-large": 212.376,
    "audio-raw": 25.001,
}


@pytest.mark.parametrize("name", list(PARAMETERS))
def test_a_published_model_has_as_many_parameters_as_the_paper_says(name: str) -> None:
    with torch.device("meta"):
        model = build_model(name)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert millions == pytest.approx(PARAMETERS[name], abs=5e-4)
    published = PUBLISHED[name].parameters
    assert published is None or millions == pytest.approx(published, rel=0.01)


def test_the_multitask_classifier_has_a_query_and_a_head_for_each_task() -> None:
    with torch.device("meta"):
        model = build_model("text-classifier")
        answers = model(torch.zeros(2, 16, dtype=torch.long))
    assert {name: logits.shape for name, logits in answers.items()} == {
        name: (2, classes) for name, classes in GLUE.items()
    }


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="unknown model 'image-fourrier'.*did you mean"):
        build_model("image-fourrier")
