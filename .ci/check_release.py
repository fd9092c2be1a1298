"""Is this tree ready for the tag? check_release.py v1.2.3"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
tag = sys.argv[1]
package = (ROOT / "skdropout" / "__init__.py").read_text("utf-8")
(version,) = re.findall(r'^__version__ = "(.+)"$', package, re.MULTILINE)
if tag != f"v{version}":
    sys.exit(f"the tag is {tag}, the version of the package {version}")
changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
section = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\s+(?!## )\S"
if not re.search(section, changes, re.MULTILINE):
    sys.exit(f'CHANGELOG.md has no section "## [{version}] - YYYY-MM-DD" with something in it')
