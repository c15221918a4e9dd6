"""Write the results of this machine: the derived files and the page."""

from dataclasses import replace
from pathlib import Path

from pipeline import files
from pipeline.study.results import Results

INPUTS = (".py", ".md", ".html", ".json", ".jsonl", ".zlib")


def write_local(results: Results) -> Path:
    """Write this machine's versions.json, versions.csv, claims.json and page, unless they are newer than all inputs.

    Returns:
        The path of the page.

    Raises:
        UserError: a result is damaged.
    """
    store = results.store
    path = store.page / "index.html"
    folders = (files.SCRIPTS, files.MODELS, files.RESULTS)
    inputs = [p for folder in folders for p in folder.rglob("*") if p.is_file() and p.suffix in INPUTS]
    inputs = [p for p in inputs if store.page not in p.parents and store.derived not in p.parents]
    if path.exists() and path.stat().st_mtime >= max(p.stat().st_mtime for p in inputs):
        return path
    # Matplotlib and SciPy take seconds to import: not for a page that is up to date
    from pipeline.report.page import page
    from pipeline.report.versions import write_rows
    from pipeline.study.claims import write_claims
    from pipeline.study.results import read_results

    write_rows(results)
    write_claims(results)
    derived = read_results(store).derived
    files.write_text(path, page(replace(results, derived=derived)))
    return path
