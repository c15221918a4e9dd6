"""The page of results: in step, self-contained, told in words as well; and as a real browser shows it."""

import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest
from helpers import ROOT

from underbudget.data.sources import Sources
from underbudget.reproduction.results import read_results
from underbudget.results_page import at_work, page
from underbudget.results_page.render import rendered
from underbudget.store import PUBLISHED, ResultStore

PAGE = ROOT / "results" / "page" / "index.html"
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync --virtual-time-budget=5000 --hide-scrollbars"  # as on a phone


class Reader(HTMLParser):
    """Notes elements with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def elements() -> list[tuple[str, dict[str, str | None]]]:
    reader = Reader()
    reader.feed(PAGE.read_text(encoding="utf-8"))
    return reader.elements


Elements = list[tuple[str, dict[str, str | None]]]


def test_in_step_with_the_published_results() -> None:
    for path, content in rendered().items():
        assert path.read_text(encoding="utf-8") == content, f"{path.name}: run make render"


def test_needs_no_other_file_and_leads_to_those_of_the_project(elements: Elements) -> None:
    assert not [tag for tag, _ in elements if tag in ("script", "link", "iframe", "object")]
    for tag, attributes in elements:
        for name in ("src", "href", "xlink:href", "data"):
            target = attributes.get(name) or "#"
            if tag == "a" and not target.startswith(("#", "https://github.com/")):  # where others' figures come from
                assert (PAGE.parent / target).exists(), target
            elif tag != "a":
                assert target.startswith(("#", "data:image/png;base64,")), (tag, target[:80])
    assert "@import" not in PAGE.read_text(encoding="utf-8")


def test_names_are_unique_and_what_is_referred_to_is_there(elements: Elements) -> None:
    names = Counter(attributes["id"] for _, attributes in elements if "id" in attributes)
    assert [name for name, times in names.items() if times > 1] == []
    text = PAGE.read_text(encoding="utf-8")
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert used <= set(names)


def test_every_chart_is_told_in_words(elements: Elements) -> None:
    drawings = [attributes for tag, attributes in elements if tag == "svg"]
    assert 20 <= len(drawings) <= 30  # a reader's patience
    for attributes in drawings:
        assert attributes["role"] == "img"
        assert len(attributes["aria-label"] or "") > 60
    assert sum(tag == "figcaption" for tag, _ in elements) == len(drawings)
    assert all(attributes.get("scope") == "col" for tag, attributes in elements if tag == "th")


def test_every_chart_says_where_it_is_from() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for figure in re.findall("<figure>.*?</figure>", text, re.DOTALL):
        origin = (
            r'<p>From <a href="[^"]+">(results|models)/\S+</a>.* Drawn by <a href="[^"]+">scripts/\S+\.py</a>\.</p>'
        )
        assert re.search(origin, figure), figure[:80]
    made = '<a href="../runs/listening.json">results/runs/listening.json</a>, made by <code>make listening</code>'
    assert made in text
    card = '<a href="../../models/report/kws_a.json">models/report/kws_a.json</a>, made by <code>make kws_a RECIPE='
    assert card in text
    assert '<a href="../../models/report">models/report</a>, made by <code>make … RECIPE=report' in text


def test_it_begins_with_what_it_is_and_folds_what_is_for_specialists() -> None:
    lead, _, rest = PAGE.read_text(encoding="utf-8").partition("<h2")
    for part in ("forecaster", "spotter", "<svg", "not reproduced", "<code>make all</code>"):
        assert part in lead
    open_text = re.sub("<details>.*?</details>", "", rest, flags=re.DOTALL)
    assert len(re.findall("<table>", open_text)) == 3  # names, the five models, the listeners
    assert "| --- |" not in rest  # a table without a blank line before it
    assert rest.count("<h3") == rest.count("<details>") == rest.count("</details>") > 10


def test_every_chart_is_well_formed() -> None:
    for drawing in re.findall(r"<svg .*?</svg>", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        ElementTree.fromstring(drawing)


def test_the_drawing_of_a_model_at_work_is_made_again(tmp_path: Path, real_data: Sources) -> None:
    results = read_results(ResultStore(PUBLISHED.models, tmp_path))
    at_work.draw_at_work(results, real_data)
    found, published = (at_work.at_work(each) for each in (results, read_results(PUBLISHED)))
    assert [(c.title, c.words) for c in found] == [(c.title, c.words) for c in published], "run make publish"
    (drawn,) = published
    assert drawn.to_file() == (PUBLISHED.page / at_work.FILE).read_text(encoding="utf-8")


def test_a_page_of_nothing_says_so_once_and_leaves_the_rest_out(tmp_path: Path) -> None:
    empty = page.page(read_results(ResultStore(tmp_path, tmp_path)))
    assert empty.count("No claim has been judged yet") == 1
    assert "<h2" in empty
    for title in ("The five models</h2>", "Models found by a search</h3>", "What a model takes</h2>"):
        assert title not in empty
        assert title in PAGE.read_text(encoding="utf-8")
    assert "charts:" not in empty


def test_a_name_from_outside_brings_no_markup_and_no_cell(tmp_path: Path) -> None:
    """A user's file may be called anything, and its name stands on cards."""
    evil = "a|b<img src=x onerror=alert(1)>[c](javascript:alert(2))`.csv"
    store = ResultStore(tmp_path / "models", tmp_path / "results")
    shutil.copytree(ROOT / "models" / "report", store.models / "report")
    path = store.models / "report" / "th_b.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["made_from"]["data"]["description"] = evil
    card["made_with"] = f"make th_b JENA='{evil}'"
    path.write_text(json.dumps(card), encoding="utf-8")
    shown = page.page(read_results(store))
    reader = Reader()
    reader.feed(shown)
    assert not [tag for tag, _ in reader.elements if tag == "img"]
    assert not [a for _, a in reader.elements if "onerror" in a or "javascript" in (a.get("href") or "")]
    (row,) = re.findall("<tr>(?:(?!</tr>).)*javascript.*?</tr>", shown, re.DOTALL)
    assert row.count("<td ") == 4
    assert html.unescape(row).count(evil) == 2


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Notes what is asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The page beside another one that looks at it in a frame as wide as a screen or a phone."""
    shutil.copyfile(PAGE, tmp_path / "index.html")
    (tmp_path / "look.html").write_text(
        """<!DOCTYPE html><body><script>
        const width = +location.hash.slice(1);
        const frame = document.createElement("iframe");
        frame.style.cssText = `width: ${width}px; height: 800px; border: 0`;
        frame.onload = () => {
          const page = frame.contentDocument;
          page.querySelectorAll("details").forEach(each => each.open = true);
          const root = page.documentElement, style = frame.contentWindow.getComputedStyle;
          const drawn = [...page.querySelectorAll("svg")], svgs = drawn.map(s => s.getBoundingClientRect());
          const level = svg => [...svg.querySelectorAll("text:not([transform])")].map(t => t.getBoundingClientRect());
          const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
          const pairs = drawn.map(level).flatMap(all => all.filter((a, i) => all.some((b, j) => j < i && meet(a, b))));
          const pixels = drawn.map(svg => parseFloat(style(svg).fontSize) * svg.getScreenCTM().a);
          const seen = { over: root.scrollWidth - width, svgs: svgs.filter(r => r.width > 200 && r.height > 100).length,
            wide: svgs.filter(r => r.right > width).length, meeting: pairs.length, least: Math.min(...pixels),
            paper: style(page.body).backgroundColor, ink: style(page.body).color,
            letters: style(page.querySelector("svg text")).fill };
          document.body.replaceChildren(Object.entries(seen).map(e => e.join("=")).join(" | "));
        };
        frame.src = "index.html"; document.body.append(frame);
        </script>"""
    )
    Quiet.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/look.html"
    server.shutdown()
    server.server_close()


def look(address: str, width: int, profile: Path, *more: str) -> dict[str, str]:
    """What a browser sees of the page in a window of that width."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is absent: the page was not opened in a browser")
    command = [browser, *FLAGS.split(), f"--user-data-dir={profile}", *more, "--dump-dom", f"{address}#{width}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    body = re.search(r"<body>(.*)</body>", done.stdout, re.DOTALL)
    assert body, done.stdout
    return dict(pair.split("=", 1) for pair in body[1].strip().split(" | "))


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_all_charts_within_its_width(served: str, tmp_path: Path, width: int) -> None:
    seen = look(served, width, tmp_path / "profile")
    drawings = PAGE.read_text(encoding="utf-8").count("<svg ")
    assert (int(seen["svgs"]), int(seen["wide"])) == (drawings, 0)
    assert int(seen["over"]) <= 0 and seen["meeting"] == "0"
    assert float(seen["least"]) > 11.99
    assert {path for path in Quiet.asked if path != "/favicon.ico"} == {"/look.html", "/index.html"}


@pytest.mark.slow
def test_a_browser_in_dark_mode_shows_light_letters(served: str, tmp_path: Path) -> None:
    light = look(served, 800, tmp_path / "light")
    dark = look(served, 800, tmp_path / "dark", "--force-dark-mode", "--blink-settings=preferredColorScheme=0")

    def brightness(colour: str) -> int:
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    for side in (light, dark):
        assert side["letters"] == side["ink"]  # the charts' letters are the page's
    assert brightness(light["paper"]) > brightness(light["ink"])
    assert brightness(dark["paper"]) < brightness(dark["ink"])
