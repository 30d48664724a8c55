"""Reports: what they say, that nothing is left out, and that they are one sound file."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from perceiver_rl.agents.errors import RunError
from perceiver_rl.agents.main import main
from perceiver_rl.agents.report import write_report
from perceiver_rl.agents.report_content import report_content
from perceiver_rl.agents.report_figures import crossover_sentence, pictures_of
from perceiver_rl.agents.run_folder import write_json

Results = dict[str, Any]


class Page(HTMLParser):
    """Collects what a test asks of a page."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def written(folder: Path, results: Results) -> Page:
    write_json(folder / "results.json", results)
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert page.open == []
    return page


def row_of(results: Results, scenario: str, name: str) -> dict[str, Any]:
    content = report_content(results)
    table = next(each for each in content["scenarios"] if each["scenario"] == scenario)["tables"][0]
    return next(row for row in table["rows"] if row["name"] == name)


def test_the_headline_counts_verdicts_and_leaves_out_the_uninformative(results: Results) -> None:
    assert report_content(results)["headline"] == (
        "Incomplete (1 of 21 runs are missing): in 3 comparisons over 2 scenarios, Perceiver IO did"
        " as well as the Transformer in 2, better in 0 and worse in 1, and nothing was shown in 0;"
        " 2 further comparisons are uninformative because a control comes near; at 128 entities the"
        " Transformer's encoder takes 3.50 times the FLOPs of the Perceiver's."
    )
    assert report_content(results)["counts"] == [
        {
            "stage": "imitation", "arm": "perceiver", "against": "transformer",
            "same": 2, "better": 0, "worse": 1, "not shown": 0, "uninformative": 2,
        }
    ]  # fmt: skip


def test_a_claim_on_the_transformer_is_turned_round(results: Results) -> None:
    before = row_of(results, "Shards", "perceiver")["verdicts"]["no-op"]
    for claim in results["claims"]:
        claim.update(
            first=claim["second"],
            second=claim["first"],
            difference=-claim["difference"],
            low=-claim["high"],
            high=-claim["low"],
            verdict={"better": "worse", "worse": "better"}.get(claim["verdict"], claim["verdict"]),
        )
    assert row_of(results, "Shards", "perceiver")["verdicts"]["no-op"] == before
    assert before["verdict"] == "worse"
    assert before["low"] < before["difference"] < before["high"] < 0


def test_without_two_encoders_the_headline_says_so(results: Results) -> None:
    results["claims"] = []
    assert "no pair of a Perceiver IO arm" in report_content(results)["headline"]


def test_rows_hold_scores_costs_and_verdicts(results: Results) -> None:
    ours = row_of(results, "Battle-8m", "perceiver")
    assert ours["scores"]["elite"]["value"] == pytest.approx(0.98, abs=0.01)
    assert ours["verdicts"]["elite"]["verdict"] == "same"
    assert (ours["latency_1"], ours["latency_256"], ours["memory"]) == (1.25, 123.4, 2**21)
    assert ours["steps_per_second"] == 25.0
    assert row_of(results, "Battle-8m", "transformer")["latency_1"] is None
    assert row_of(results, "Battle-8m", "random")["scores"]["elite"]["value"] == 0.01
    assert row_of(results, "Battle-64m", "random")["near"] == ["elite", "control:elite"]


def test_the_page_is_one_file_without_scripts_or_addresses(
    results: Results, tmp_path: Path
) -> None:
    page = written(tmp_path, results)
    for tag in ("script", "iframe", "object", "base"):
        assert page.all(tag) == []
    for _, attributes in page.found:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    text = (tmp_path / "report.html").read_text()
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text


def test_the_page_can_be_read_without_eyes(results: Results, tmp_path: Path) -> None:
    page = written(tmp_path, results)
    assert ("html", {"lang": "en"}) in page.found
    assert len(page.all("title")) == len(page.all("h1")) == len(page.all("main")) == 1
    assert len(page.all("caption")) == len(page.all("table")) == 5
    assert all(each.get("scope") in ("row", "col") for each in page.all("th"))
    drawings = page.all("svg")
    assert len(drawings) == 6
    assert all(each.get("role") == "img" and each.get("aria-label") for each in drawings)


def test_ids_are_unique_and_references_meet_them(results: Results, tmp_path: Path) -> None:
    written(tmp_path, results)
    text = (tmp_path / "report.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= set(ids)


def test_what_users_write_is_text_and_no_markup(results: Results, tmp_path: Path) -> None:
    results["command"] = "perceiver-rl compare '<script>alert(1)</script>'"
    results["failed"] = {"Shards/perceiver-seed2": 'ValueError: <img src="x">'}
    page = written(tmp_path, results)
    assert page.all("script") == page.all("img") == []
    assert "<script>alert(1)</script>" in page.text
    assert "a <fast> one" in page.text


def test_what_is_missing_is_shown_as_missing(results: Results, tmp_path: Path) -> None:
    for kind in ("html", "md"):
        written(tmp_path, results)
        text = (tmp_path / f"report.{kind}").read_text()
        assert "Shards/perceiver-seed2" in text
        assert "1 of 2" in text
        assert "no pictures of games" in text
    results["agents"] = [each for each in results["agents"] if each["agent"] == "random"]
    for name in ("arms", "claims", "uninformative", "curves"):
        results[name] = []
    results["costs"] = {}
    page = written(tmp_path, results)
    assert page.text.count("missing") > 10
    assert page.all("svg") == []
    assert "has not been measured" in page.text


def test_uninformative_tables_are_flagged(results: Results, tmp_path: Path) -> None:
    page = written(tmp_path, results)
    assert "Uninformative against elite: the control random has 0.20" in " ".join(page.text.split())
    assert page.text.count("near the agents") == 1
    markdown = (tmp_path / "report.md").read_text()
    assert "**Uninformative against elite:** the control random has 0.20" in markdown


def test_a_table_without_its_controls_is_not_taken_for_informative(
    results: Results, tmp_path: Path
) -> None:
    said = "Controls are missing (random): whether this table is informative is not known."
    assert said not in written(tmp_path, results).text
    results["agents"] = [each for each in results["agents"] if each["agent"] != "random"]
    assert written(tmp_path, results).text.count(said) == 3
    assert (tmp_path / "report.md").read_text().count(said) == 3


def test_pictures_of_games_lie_inside_the_page(results: Results, tmp_path: Path) -> None:
    about = {
        "scenario": "Battle-8m", "agent": "perceiver-seed0", "opponent": "elite", "seed": 7,
        "outcome": "win", "step": 3, "steps": 3,
    }  # fmt: skip
    results["pictures"] = [{**about, "file": "pictures/a.png"}, {**about, "file": "pictures/b.png"}]
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "pictures" / "a.png")
    page = written(tmp_path, results)
    (image,) = page.all("img")
    assert (image["src"] or "").startswith("data:image/png;base64,")
    assert image["alt"] == "Battle-8m: perceiver-seed0 against elite after 3 of 3 steps"
    assert "pictures/b.png is missing" in page.text


def test_markdown_tables_have_as_many_cells_as_heads(results: Results, tmp_path: Path) -> None:
    written(tmp_path, results)
    text = (tmp_path / "report.md").read_text()
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert len(tables) == 5
    for table in tables:
        lines = table.splitlines()
        assert len(lines) >= 3
        assert len({line.count("|") for line in lines}) == 1, table
    for name in re.findall(r"!\[.*?\]\((figures/.*?)\)", text):
        assert (tmp_path / name).exists()


def test_figures_are_files_with_colors_of_their_own(results: Results, tmp_path: Path) -> None:
    written(tmp_path, results)
    figures = sorted((tmp_path / "figures").glob("*.svg"))
    assert len(figures) == 6
    for path in figures:
        root = ElementTree.fromstring(path.read_text())
        style = root.find("{http://www.w3.org/2000/svg}style")
        assert style is not None
        assert "prefers-color-scheme: dark" in (style.text or "")
        used = set(re.findall(r"var\((--[^)]*)\)", path.read_text()))
        assert used <= set(re.findall(r"(--[^:]*):", style.text or ""))
        assert not re.search(r"#0102\d\d|#000000|: black", path.read_text())


def test_drawings_and_files_are_the_same_each_time(results: Results, tmp_path: Path) -> None:
    written(tmp_path, results)
    before = {name: (tmp_path / name).read_bytes() for name in ("report.html", "report.md")}
    written(tmp_path, results)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_every_drawing_has_a_name_of_its_own(results: Results) -> None:
    names = [each.name for each in pictures_of(report_content(results))]
    assert names == [
        "learning-curves-battle-8m-imitation",
        "win-rate-over-entity-count-against-elite-imitation",
        "win-rate-over-entity-count-against-control-elite-imitation",
        "win-rate-over-flops-against-elite-imitation",
        "win-rate-over-flops-against-control-elite-imitation",
        "latency-of-encoders-over-entity-count",
    ]


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ([2.0, 3.0, 4.0], "faster from 64 entities on; at 512 the Transformer takes 3.00 times"),
        ([0.5, 5.0, 6.0], "faster from 512 entities on"),
        ([0.5, 0.5, 24.0], "not faster at 512 entities; at 512 the Transformer takes 0.50 times"),
    ],
)
def test_the_crossover_is_where_the_perceiver_stays_faster(ours: list[float], said: str) -> None:
    measured = {
        "sets": 16,
        "entities": [16, 64, 512],
        "milliseconds": {"perceiver": ours, "transformer": [1.0, 4.0, 12.0]},
    }
    assert said in crossover_sentence(measured)


def test_the_report_in_json_is_what_the_page_says(results: Results, tmp_path: Path) -> None:
    page = written(tmp_path, results)
    content = json.loads((tmp_path / "report.json").read_text())
    assert content == json.loads(json.dumps(report_content(results)))
    assert content["headline"] in page.text


def test_the_command_writes_a_report_again(
    results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(tmp_path / "results.json", results)
    assert main(["report", str(tmp_path)]) == 0
    first = (tmp_path / "report.html").read_text()
    assert str(tmp_path / "report.html") in capsys.readouterr().out
    assert main(["report", str(tmp_path / "results.json")]) == 0
    assert (tmp_path / "report.html").read_text() == first


def test_a_folder_without_results_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RunError, match=r"results.json holds no results of a comparison"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text('{"agents": []}')
    assert main(["report", str(tmp_path)]) == 2
    assert main(["report"]) == 2
    assert "name the folder of a comparison" in capsys.readouterr().err
