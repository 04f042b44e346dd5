"""Settings: ours decide as `git annex add` does, and what is not understood is said."""

import os
from functools import partial
from pathlib import Path

import pytest

from instep.annex.branch import AnnexBranch
from instep.annex.errors import SettingError
from instep.annex.settings import AnnexSettings, read_settings
from instep.annex.setup import set_config
from instep.core.pointers import key_of_link, key_of_pointer
from instep.core.types import RelPath
from instep.git.repository import Repository
from tests.annex.conftest import AnnexRunner
from tests.conftest import GitRunner


def read(repo: Repository) -> AnnexSettings:
    repo.config.reload()
    return read_settings(repo, AnnexBranch(repo))


def test_git_annexs_defaults(repo: Repository) -> None:
    settings = read(repo)
    assert settings.backend == "SHA256E"
    assert settings.annexes(RelPath(b"d/a.txt"), 0)
    assert not settings.annexes(RelPath(b".a"), 1 << 30)
    assert not settings.annexes(RelPath(b"d/.a/b"), 1 << 30)
    assert not settings.unlocks(RelPath(b"a"), 1)
    assert not settings.thin
    digest = settings.new_hash(RelPath(b"a"))
    digest.update(b"hi")
    assert settings.key(2, digest.hexdigest(), RelPath(b"a.tar.gz")).endswith(b"dc327aa4.tar.gz")


CASES: list[dict[str, str]] = [
    {},
    {"annex.largefiles": "largerthan=3"},
    {"+annex.largefiles": "largerthan=3"},
    {"annex.largefiles": "nothing", "+annex.largefiles": "anything"},
    {"annex.largefiles": "nothing", "attributes": "* annex.largefiles=anything\n"},
    {"attributes": "* annex.largefiles=nothing\nb annex.largefiles=anything\n"},
    {"+annex.largefiles": "nothing", "attributes": "*.txt annex.largefiles=anything\nb annex.largefiles=\n"},
    {"attributes": "*.txt annex.largefiles=(largerthan=5)or(include=a*)\n"},
    {"+annex.largefiles": "nothing", "attributes": "* annex.largefiles=anything\nb !annex.largefiles\n"},
    {"annex.backend": "SHA1", "attributes": "* annex.backend=MD5E\nb -annex.backend\na.txt annex.backend\n"},
    {"annex.dotfiles": "1", "attributes": ".* annex.largefiles=nothing\nd/** annex.backend=SHA512E\n"},
    {"annex.dotfiles": "true"},
    {"annex.dotfiles": "1", "annex.largefiles": "include=*.txt"},
    {"annex.dotfiles": "", "+annex.dotfiles": "true"},
    {"+annex.dotfiles": "true"},
    {"annex.dotfiles": "nonsense"},
    {"annex.addunlocked": "include=*.txt"},
    {"annex.addunlocked": "yes"},
    {"annex.addunlocked": "off", "+annex.addunlocked": "true"},
    {"+annex.addunlocked": "true"},
    {"annex.backend": "MD5E"},
    {"annex.backends": "SHA1 SHA256"},
    {"annex.backend": "", "annex.maxextensionlength": "6"},
    {"annex.maxextensions": "1k", "annex.maxextensionlength": "nonsense"},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_adding_decides_as_git_annex_does(
    repo: Repository, annex: AnnexRunner, git: GitRunner, case: dict[str, str]
) -> None:
    folder = Path(os.fsdecode(repo.root))
    for name, value in case.items():
        if name == "attributes":
            (folder / ".gitattributes").write_text(value)
        elif name.startswith("+"):
            set_config(repo, name[1:], value)
        else:
            git(folder, "config", name, value)
    settings = read(repo)
    paths = ["a.txt", "longer.tar.gzip", ".dot.txt", "d/.e/f", "b"]
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(path.encode())
    annex(folder, "add", *paths)
    for path in paths:
        mode, blob = git(folder, "ls-files", "-s", path).split()[:2]
        data = git(folder, "cat-file", "blob", blob)
        key = key_of_link(data) if mode == b"120000" else key_of_pointer(data)
        size = len(path)
        assert settings.annexes(RelPath(path.encode()), size) == (key is not None), path
        if key is not None:
            digest = settings.new_hash(RelPath(path.encode()))
            digest.update(path.encode())
            assert settings.key(size, digest.hexdigest(), RelPath(path.encode())) == key
            assert settings.unlocks(RelPath(path.encode()), size) == (mode != b"120000"), path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("annex.largefiles", "mimetype=["),
        ("annex.addunlocked", "mimetype=text/*"),
        ("annex.largefiles", "largerthan=lots"),
        ("annex.largefiles", "true"),
        ("annex.addunlocked", "sometimes"),
        ("annex.backend", "XXH3E"),
        ("annex.backend", "WORM"),
        ("annex.backend", "nonsense"),
    ],
)
def test_what_is_not_understood_is_said(repo: Repository, name: str, value: str) -> None:
    repo.run("config", name, value)
    with pytest.raises(SettingError) as caught:
        read(repo)
    assert caught.value.setting == name
    assert name in caught.value.text
    assert "git config" in caught.value.fix


@pytest.mark.parametrize(
    ("place", "line", "setting"),
    [
        (".gitattributes", "*.c annex.largefiles=mimetype=[", "annex.largefiles"),
        (".gitattributes", "*.c annex.largefiles", "annex.largefiles"),
        ("d/.gitattributes", "*.c annex.largefiles=lots", "annex.largefiles"),
        (".git/info/attributes", "*.c text annex.backend=WORM", "annex.backend"),
        (".gitattributes", "[attr]big annex.largefiles=nothing", "annex.largefiles"),
    ],
)
def test_an_attribute_that_is_not_understood_is_named(
    repo: Repository, place: str, line: str, setting: str
) -> None:
    file, path = Path(os.fsdecode(repo.root), place), RelPath(b"d/a.c")
    file.parent.mkdir(exist_ok=True)
    file.write_text(line + "\n")
    settings = read(repo)
    ask = settings.backend_of if setting == "annex.backend" else partial(settings.annexes, size=1)
    with pytest.raises(SettingError) as caught:
        ask(path)
    assert caught.value.setting == f"{setting} in {place}"
    if not line.startswith("[attr]"):
        assert settings.annexes(RelPath(b"d/other"), 1)
        settings.new_hash(RelPath(b"d/other"))


def test_other_attributes_and_those_that_configuration_overrules_decide_nothing(repo: Repository) -> None:
    attributes = Path(os.fsdecode(repo.root), ".gitattributes")
    attributes.write_text("# * annex.largefiles=nothing\n* annex.numcopies=2 annex.largefilesx=1\n")
    assert read(repo).annexes(RelPath(b"a"), 1)
    attributes.write_text("* annex.largefiles=lots\n")
    repo.run("config", "annex.largefiles", "anything")
    assert read(repo).annexes(RelPath(b"a"), 1)
