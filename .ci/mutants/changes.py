"""The changes that make mutants, and a sample of them; knows no tests."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider, WhitespaceInclusivePositionProvider
from mutmut.mutation.mutators import mutation_operators


@dataclass
class Mutant:
    """A file with one change.

    Attributes
    ----------
    file : str
    code : str
        All of it, changed.
    before, after : str
        What the change takes away, and puts in its place: whole lines.
    lines : range
        Those of the statement that is changed.
    number : int
        Which of the equal changes in this file it is.
    """

    file: str
    code: str
    before: str
    after: str
    lines: range
    number: int

    def name(self, seed: int = 0) -> str:
        """What tells it from others; it stays when other lines of the file change."""
        parts = f"{seed} {self.file} {self.before} {self.after} {self.number}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def diff(self) -> str:
        """What is changed, where."""
        lines = [f"{self.file}, line {self.lines.start}"]
        for sign, text in ("-", self.before), ("+", self.after):
            lines += [sign + line for line in text.splitlines()]
        return "\n".join(lines)


def sample(files: Iterable[Path], root: Path, number: int, seed: int) -> list[Mutant]:
    """Mutants of the files, any as likely as any other; most stay when some code changes."""
    found: list[Mutant] = []
    meanings = {}
    for path in files:
        wrapper = MetadataWrapper(cst.parse_module(path.read_text("utf-8")))
        changes = Changes(path.relative_to(root).as_posix(), wrapper.module)
        wrapper.visit(changes)
        found += changes.found
        meanings[changes.file] = meaning(wrapper.module.code)
    print(f"{number} of {len(found)} changes in {len(meanings)} files, seed {seed}", flush=True)
    found.sort(key=lambda mutant: mutant.name(seed))
    counts = (one for one in found if meaning(one.code) not in ("", meanings[one.file]))
    return sorted(islice(counts, number), key=lambda mutant: (mutant.file, mutant.lines.start))


class Changes(cst.CSTVisitor):
    """Finds mutmut's changes of a file, and two more: not a condition, and no call."""

    METADATA_DEPENDENCIES = (PositionProvider, WhitespaceInclusivePositionProvider)

    def __init__(self, file: str, module: cst.Module):
        super().__init__()
        self.file, self.module = file, module
        self.source = [*module.code.splitlines(keepends=True), ""]
        self.found: list[Mutant] = []
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._lines = range(0)

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            at = self.get_metadata(PositionProvider, node)
            end = at.end if isinstance(node, cst.SimpleStatementLine) else at.start
            self._lines = range(at.start.line, end.line + 1)
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                for changed in operator(node):
                    self._add(node, self.module.code_for_node(changed))
        if isinstance(node, cst.If | cst.While):
            self._add(node.test, f"not ({self.module.code_for_node(node.test)})")
        if isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
            self._add(node, "pass")
        return True

    def _add(self, node: cst.CSTNode, new: str):
        at = self.get_metadata(WhitespaceInclusivePositionProvider, node)
        first, last = at.start.line - 1, at.end.line - 1
        before = "".join(self.source[first : last + 1])
        after = self.source[first][: at.start.column] + new + self.source[last][at.end.column :]
        code = "".join([*self.source[:first], after, *self.source[last + 1 :]])
        number = self._numbers[before, after]
        self._numbers[before, after] += 1
        self.found.append(Mutant(self.file, code, before, after, self._lines, number))


def meaning(code: str) -> str:
    """Equal for what does the same but for what `Meaning` leaves out; empty if it is no Python."""
    try:
        return ast.dump(Meaning().visit(ast.parse(code)))
    except SyntaxError:
        return ""


class Meaning(ast.NodeTransformer):
    """Leaves out hints, documentation, slots, texts of messages, and what asserts the obvious."""

    # none of it, or what fails in any case
    CALLS = ("isinstance", "len", "print", "warn")

    def visit_ClassDef(self, node):
        node.decorator_list = []  # dataclass(eq=False, slots=True)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_AnnAssign(self, node):
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_Assign(self, node):
        is_slots = ast.unparse(node.targets[0]) == "__slots__"
        return ast.Pass() if is_slots else self.generic_visit(node)

    def visit_Expr(self, node):
        is_docstring = isinstance(node.value, ast.Constant)
        return ast.Pass() if is_docstring else self.generic_visit(node)

    def visit_Call(self, node):
        if ast.unparse(node.func).rpartition(".")[2] in self.CALLS:
            node.args, node.keywords = [], []
        return self.generic_visit(node)

    def visit_Raise(self, node):
        return ast.Raise()

    def visit_Assert(self, node):
        return ast.Pass()

    def visit_keyword(self, node):
        return None if node.arg == "strict" else self.generic_visit(node)
