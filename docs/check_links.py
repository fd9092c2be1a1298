"""Find links and pictures of built pages that lead nowhere: check_links.py FOLDER."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The places of a page that others may link to, and what it links to itself."""

    def __init__(self, path):
        super().__init__()
        self.places, self.links = set(), set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        """Take note of one tag."""
        for name, value in attributes:
            if name in ("id", "name"):
                self.places.add(value)
            elif name in ("href", "src") and value:
                self.links.add(value)


def find_broken(folder):
    """Lines that name page and link."""
    pages = {path: Page(path) for path in folder.rglob("*.html") if "_static" not in path.parts}
    for path, page in sorted(pages.items()):
        for link in sorted(page.links):
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            place = unquote(url.fragment)
            known = pages[target].places if target in pages else None
            if not target.exists() or (place and known is not None and place not in known):
                yield f"{path.relative_to(folder)}: {link} leads nowhere"


broken = list(find_broken(Path(sys.argv[1]).resolve()))
print(*broken, sep="\n", end="\n" if broken else "")
sys.exit(bool(broken))
