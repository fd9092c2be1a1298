"""Write the tables in README.md and docs/*.md from the figures in results/*.json.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; the function of that name in
`figures.py` or `figures_classics.py` makes it. A caption around it, ``:::{table} CAPTION``, is
left alone. With ``--check`` nothing is written, and the exit code is 1 if a page differs from its
figures.
"""

import re
import sys
from pathlib import Path

from figures_classics import TABLES

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARKED = re.compile(
    r"(<!-- table: (\w+) -->\n(?::::{table} [^\n]*\n)?).*?((?::::\n)?<!-- end -->)", re.DOTALL
)

WORDS = re.compile(r"[`a-z\[{]", re.IGNORECASE)


def markdown(header, rows):
    """A table, columns of words to the left and those of figures to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    words = [all(WORDS.match(cell) for cell in column) for column in zip(*rows, strict=True)]
    words[0] = True
    lines = [header, ["---" if is_words else "---:" for is_words in words], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def fill(text):
    """Replace every table of a page by what the figures give."""
    return MARKED.sub(lambda m: f"{m[1]}{markdown(*TABLES[m[2]]())}{m[3]}", text)


def main(check):
    """Rewrite the pages, or only tell which differ; returns the exit code."""
    stale = [page for page in PAGES if fill(page.read_text("utf-8")) != page.read_text("utf-8")]
    for page in stale:
        print(f"{'differs' if check else 'written'}: {page.relative_to(ROOT)}")
        if not check:
            page.write_text(fill(page.read_text("utf-8")), "utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
