"""The registry of health conditions: everything that can be wrong with a folder, declared once.

A condition has a code (for programs), the sentence that a person reads and the way out. Steps raise and
clear conditions by code and subject on the board; `status`, the log and the web page read the sentences
here. In the templates `{subject}` is what it is about (a path, a remote's name, a step) and `{detail}` is
the sentence of the error that brought it.

Severity: "attention" means that something is not in step, or not safe, until a person or time mends it;
it keeps the folder from being called in step (I29). "notice" is worth knowing and blocks nothing.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["attention", "notice"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that can be wrong; `text` and `fix` are templates."""

    code: str
    text: str
    fix: str
    severity: Severity = "attention"

    @property
    def blocks(self) -> bool:
        """Whether the folder can't be called in step while this lasts."""
        return self.severity == "attention"

    def sentence(self, subject: str = "", detail: str = "") -> str:
        """The text with its blanks filled in."""
        return self.text.format(subject=subject, detail=detail)

    def way_out(self, subject: str = "", detail: str = "") -> str:
        """The fix with its blanks filled in."""
        return self.fix.format(subject=subject, detail=detail)


_DECLARED = (
    # the folder as a whole
    Condition(
        "folder-gone",
        "The folder is not there any more: {detail}",
        "Bring it back (plug the drive in, mount it) or stop with: instep down",
    ),
    Condition(
        "mount-gone",
        "A drive was mounted at {subject} and is not now. Its files are not taken for deleted.",
        "Mount it again. Or delete its files everywhere: git rm -r --cached DIRECTORY && git commit",
    ),
    Condition(
        "mass-deletion",
        "Most of the folder was deleted at once: {detail}. The deletions are held back, all else goes on.",
        "Put the files back: git checkout HEAD . Or delete them everywhere: git commit -a -m 'Delete them'",
    ),
    Condition(
        "mass-truncation",
        "The computer stopped without warning, and files are empty now: {detail}. They are held back.",
        "Put the files back: git checkout HEAD . Or keep them empty: git commit -a -m 'Empty them'",
    ),
    Condition(
        "half-done",
        "The repository is in the middle of something: {detail}",
        "Finish or abort it with git; instep goes on by itself.",
    ),
    Condition(
        "branch-detached",
        "No branch is checked out.",
        "Check one out: git switch BRANCH",
    ),
    Condition(
        "repository-unsupported",
        "This repository can't be kept in step: {detail}",
        "Change the setting that it names; instep looks again when the configuration changes.",
    ),
    Condition(
        "setting-not-understood",
        "The setting {subject} is not understood: {detail}",
        "Change it; what it decides about is not added to the folder until then.",
    ),
    Condition(
        "limit-not-understood",
        "The limit {subject} is not understood: {detail}",
        "Change it: git config {subject} '1 MB'; until then it limits nothing.",
    ),
    Condition(
        "wanted-not-understood",
        "What this folder wants is not understood: {detail}",
        "Change it: git annex wanted . EXPRESSION; no new content is fetched until then.",
    ),
    Condition(
        "repository-broken",
        "The repository is damaged: {detail}",
        "Connect a whole copy, it is mended from that: instep remote add REMOTE. What is damaged: git fsck",
    ),
    # the machine
    Condition(
        "disk-full",
        "There is no space left: {detail}",
        "Free some space; instep goes on by itself.",
    ),
    Condition(
        "low-space",
        "There is not enough space for {subject}: {detail}.",
        "Free some space; instep goes on by itself.",
    ),
    Condition(
        "read-only",
        "The filesystem can't be written: {detail}",
        "Make it writable (mount -o remount,rw, or check the disk); instep goes on by itself.",
    ),
    Condition(
        "disk-failing",
        "The disk can't be read or written: {detail}",
        "Look at the disk and its cable (sudo dmesg tells what the kernel saw); instep goes on by itself.",
    ),
    Condition(
        "files-exhausted",
        "No more files can be opened: {detail}",
        "Close some programs, or raise the limit (ulimit -n 4096); instep goes on by itself.",
    ),
    Condition(
        "memory-exhausted",
        "There is no memory left: {detail}",
        "Close some programs, or raise the limit (ulimit -v); instep goes on by itself.",
    ),
    Condition(
        "permission-denied",
        "Files that are needed can't be used: {detail}",
        "Change the permissions of what is named (chmod u+rwX); instep goes on by itself.",
    ),
    Condition(
        "watch-limit",
        "The kernel's limit of watches is reached; changes below {detail} are found by looking only.",
        "Raise it, instep goes on by itself: sudo sysctl fs.inotify.max_user_watches=1048576",
        "notice",
    ),
    Condition(
        "instances-used-up",
        "Too many programs of yours watch files; changes in this folder are found by looking only.",
        "Raise the limit, instep goes on by itself: sudo sysctl fs.inotify.max_user_instances=1024",
        "notice",
    ),
    Condition(
        "step-failed",
        "{subject} failed and is tried again: {detail}",
        "If this stays, the log says more: instep log",
    ),
    # what `instep doctor` looks at besides
    Condition(
        "program-unusable",
        "{subject} can't be used: {detail}",
        "Install it or a newer one: git 2.39 from your distribution, git-annex with pip install git-annex",
    ),
    Condition(
        "clock-wrong",
        "The clock of this computer is wrong: {detail}",
        "Set it; nothing is lost meanwhile, but the history shows wrong times: timedatectl set-ntp true",
    ),
    Condition(
        "clock-behind",
        "The newest commit is {detail} ahead of this computer's clock.",
        "Set the clock, here or where that commit was made; nothing depends on it but the times shown.",
        "notice",
    ),
    Condition(
        "watching-unavailable",
        "This system has no inotify; changes are found by looking only.",
        "Nothing to do; changes take longer to be noticed.",
        "notice",
    ),
    Condition(
        "instance-limit",
        "Only {detail} programs of yours can watch files at once.",
        "Raise it: sudo sysctl fs.inotify.max_user_instances=1024",
        "notice",
    ),
    Condition(
        "watch-limit-near",
        "Not much is left of the kernel's limit of watches: {detail}.",
        "Raise it: sudo sysctl fs.inotify.max_user_watches=1048576",
        "notice",
    ),
    Condition(
        "open-files-limit",
        "A program can have only {detail} files open at once here.",
        "Raise it: ulimit -n 4096 (or LimitNOFILE= in the unit, for systemd)",
        "notice",
    ),
    Condition(
        "own-place-unusable",
        "The sockets and logs have no place: {detail}",
        "Make it a directory of yours that nobody else can enter: chmod 700",
    ),
    Condition(
        "ssh-missing",
        "There is no ssh program; folders on other computers can't be reached.",
        "Install it if you want that: apt install openssh-client",
        "notice",
    ),
    Condition(
        "space-low",
        "The disk of {subject} is nearly full: {detail} left.",
        "Free some space before something has to wait for it.",
    ),
    Condition(
        "not-running",
        "{subject} is not being kept in step: no process is running.",
        "Start it: instep up {subject}",
    ),
    Condition(
        "assistant-runs",
        "The git-annex assistant (process {detail}) works on {subject} too.",
        "Let only one of the two do it: git annex assistant --stop",
    ),
    Condition(
        "stale-lock",
        "A git that was killed left its lock {subject}.",
        "instep removes it when it starts; or, with no git at work there: rm {subject}",
        "notice",
    ),
    Condition(
        "check-failed",
        "The check of {subject} could not be made: {detail}",
        "See that the folder can be read.",
    ),
    # remotes
    Condition(
        "remote-absent",
        "Nothing is at {detail}, where the remote {subject} should be.",
        "Mount or plug it in; or forget it: instep remote remove {subject}",
        "notice",
    ),
    Condition(
        "remote-refused",
        "The remote {subject} can't be used: {detail}",
        "Change or remove it: instep remote remove {subject}",
    ),
    Condition(
        "remote-without-annex",
        "The remote {subject} is a git repository without git-annex: it takes no large files.",
        "Make it one that does, if you like: instep up DIR REMOTE, or git annex init there.",
        "notice",
    ),
    Condition(
        "remote-without-annex-shell",
        "The computer of the remote {subject} has no git-annex-shell: it takes no large files.",
        "Install git-annex there, or say where it is: git config remote.{subject}.annex-shell PATH. "
        "Or never mind: git config remote.{subject}.annex-ignore true",
        "notice",
    ),
    Condition(
        "no-instep-there",
        "The remote {subject} can't be used yet: {detail}",
        "Install it there: pip install instep (the shell that ssh starts must find it on its PATH).",
    ),
    Condition(
        "ssh-host-unknown",
        "The remote {subject} waits for a person: its computer has a host key that ssh does not know yet.",
        "Compare the key and say yes, once, by hand: {detail}",
    ),
    Condition(
        "ssh-host-changed",
        "The computer of the remote {subject} shows another host key than before: this may be an attack.",
        "If it was set up anew, forget the old key: {detail}",
    ),
    Condition(
        "ssh-not-let-in",
        "The remote {subject} lets nobody in without a person: a password, a passphrase or another key.",
        "See what it asks for: {detail}; then ssh-add for a passphrase, ssh-copy-id for a password",
    ),
    Condition(
        "ssh-unusable",
        "ssh can't be used for the remote {subject}: {detail}",
        "Mend what it names; ssh itself is in the package openssh-client.",
    ),
    # single files
    Condition(
        "file-unreadable",
        "{subject} can't be read: {detail}",
        "Change its permissions, or add it to .gitignore.",
    ),
    Condition(
        "directory-unreadable",
        "{subject} can't be listed: what is in it is left as it is, here and elsewhere.",
        "Change its permissions (chmod u+rwx), or add it to .gitignore.",
    ),
    Condition(
        "file-not-installed",
        "{detail}, so its newest version is not in this folder.",
        "It is safe in the history. Rename it on another copy, or mend what is named.",
    ),
    Condition(
        "content-missing",
        "The content of {subject} is on no copy that can be reached.",
        "Make a copy that has it reachable: git annex whereis",
    ),
    Condition(
        "content-corrupt",
        "The content of {subject} did not match its checksum and was not taken: {detail}",
        "Check the disk of the sender: git annex fsck",
    ),
    Condition(
        "content-spoiled",
        "The content of {subject} went bad on this disk, and comes again from a copy that has it.",
        "Who has it: git annex whereis --key={detail}. What else is bad: git annex fsck",
    ),
    Condition(
        "still-open",
        "{subject} is open in some program and is added when it is closed, or as it is after a while.",
        "Close it there.",
        "notice",
    ),
    Condition(
        "conflict-kept",
        "{subject} was changed on two sides at once; both versions are kept: {detail}",
        "Keep the one you want and delete the other.",
        "notice",
    ),
    Condition(
        "left-alone-special",
        "{subject} is a {detail} and is left alone.",
        "Nothing to do; add it to .gitignore to hide this.",
        "notice",
    ),
    Condition(
        "left-alone-repository",
        "{subject} is a git repository of its own and is left alone.",
        "Nothing to do; to keep it in step too, move it out of this folder first.",
        "notice",
    ),
    Condition(
        "left-alone-name",
        "{subject} has a name that git can't hold and is left alone.",
        "Rename it.",
        "notice",
    ),
)

CONDITIONS: dict[str, Condition] = {condition.code: condition for condition in _DECLARED}
