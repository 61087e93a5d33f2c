#!/usr/bin/env python3
"""GitHub's API, as far as a git source needs it: repositories, commits, tarballs, statuses, and webhooks that it sends.

    fake_github.py REPOSITORIES.json [--token TOKEN] [--port N] ...

REPOSITORIES.json is {"owner/name": {"private": false, "default_branch": "main", "commits": {"main": {"flake.nix": "content", ..}}}}.  In Python
`fake.push("owner/name", "main", files)` makes a commit and gives its id, `fake.deliver(url, secret, "push", payload)` sends a signed
webhook and gives the answer.

On purpose, since the real one does: a private repository without the token is 404; a tarball answers 302 to another place (/codeload/..),
whose link works without the token and only once; OWNER/NAME/archive/REV.tar.gz of a public one answers at once; a pull request's head is
refs/pull/N/head (`fake.pull("owner/name", 7, files)`); the tarball has one top folder; `rate_limit(n)` answers 403 with X-RateLimit-Remaining: 0
after n requests.
"""
import hashlib
import hmac
import io
import json
import re
import secrets
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

from fake_http import Answer, FakeServer, options, serve

ZERO = "0" * 40


def signature(secret, body):
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class FakeGitHub(FakeServer):
    def __init__(self, repositories=None, token="test-token", **given):
        self.token, self.repositories, self.links, self.statuses, self.left = token, {}, {}, {}, None
        for name, repository in (repositories or {}).items():
            self.add(name, repository.get("private", False), repository.get("default_branch", "main"))
            for branch, files in repository.get("commits", {}).items():
                self.push(name, branch, files)
        super().__init__(**given)

    def add(self, name, private=False, default_branch="main"):
        if not re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", name):
            raise ValueError(f"'{name}' is not like owner/name")
        self.repositories[name] = {"private": private, "default_branch": default_branch, "refs": {}, "trees": {}}

    def push(self, name, branch, files):
        """A new commit with these files on a branch; its id."""
        repository = self.repositories[name]
        before = repository["refs"].get(branch, ZERO)
        commit = hashlib.sha1(json.dumps([before, files, len(repository["trees"])], sort_keys=True).encode()).hexdigest()
        repository["refs"][branch], repository["trees"][commit] = commit, dict(files)
        return commit

    def push_payload(self, name, branch, before, after):
        return {"ref": f"refs/heads/{branch}", "before": before, "after": after, "created": before == ZERO, "deleted": after == ZERO, "forced": False,
                "commits": [], "repository": {"full_name": name, "clone_url": f"{self.url}/{name}.git", "private": self.repositories[name]["private"],
                                              "default_branch": self.repositories[name]["default_branch"]}}

    def pull(self, name, number, files, branch="feature"):
        """A pull request with one commit; its payload, as a webhook `pull_request` has it."""
        head = self.push(name, f"refs/pull/{number}/head", files)
        return {"action": "opened", "number": number, "pull_request": {"number": number, "head": {"sha": head, "ref": branch, "repo": {"full_name": name}},
                "base": {"ref": self.repositories[name]["default_branch"]}}, "repository": {"full_name": name}}

    def ping_payload(self, name):
        return {"zen": "Design for failure.", "hook_id": 1, "hook": {"type": "Repository", "events": ["push"]}, "repository": {"full_name": name}}

    @staticmethod
    def deliver(url, secret, event, payload, delivery=None, timeout=10, form=False):
        """Sends a webhook as GitHub does; (status, body).  The same `delivery` twice is what a person's "redeliver" does.  `form`: as
        application/x-www-form-urlencoded, the other content type that a hook may be set to."""
        body = json.dumps(payload).encode()
        if form:
            body = urllib.parse.urlencode({"payload": body.decode()}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json", "User-Agent": "GitHub-Hookshot/fake", "X-GitHub-Event": event,
                                                     "X-GitHub-Delivery": delivery or str(uuid.uuid4()), "X-Hub-Signature-256": signature(secret, body)})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def rate_limit(self, requests):
        self.left = requests

    # ----------------------------------------------------------------------------------------------------------------------------
    def handle(self, request):
        headers = {name.lower(): value for name, value in request["headers"].items()}
        if request["path"].startswith("/codeload/"):
            content = self.links.pop(request["path"].rsplit("/", 1)[-1], None)
            if "authorization" in headers:
                return Answer(400, {"message": "the token was sent to another host: do not follow redirects with it"})
            return Answer(404, {"message": "Not Found"}) if content is None else Answer(200, content, "application/x-gzip")
        if self.left is not None:
            if self.left <= 0:
                return Answer(403, {"message": "API rate limit exceeded"}, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 60)})
            self.left -= 1
        given = headers.get("authorization", "")
        known = given in (f"Bearer {self.token}", f"token {self.token}")
        if given and not known:
            return Answer(401, {"message": "Bad credentials"})
        archive = re.fullmatch(r"/([^/]+/[^/]+)/archive/(.+)\.tar\.gz", request["path"])
        if archive:
            repository = self.repositories.get(archive[1])
            commit = repository and not repository["private"] and (archive[2] if archive[2] in repository["trees"] else repository["refs"].get(archive[2].removeprefix("refs/heads/")))
            return Answer(200, self.tarball(archive[1], commit, repository["trees"][commit]), "application/x-gzip") if commit else Answer(404, b"Not Found", "text/plain")
        match = re.fullmatch(r"/repos/([^/]+/[^/]+)(?:/(commits|tarball|statuses)/(.+))?", request["path"])
        repository = self.repositories.get(match[1]) if match else None
        if repository is None or (repository["private"] and not known):
            return Answer(404, {"message": "Not Found"})
        name, what, ref = match.groups()
        if what is None:
            return Answer(200, {"full_name": name, "private": repository["private"], "default_branch": repository["default_branch"], "clone_url": f"{self.url}/{name}.git"})
        commit = ref if ref in repository["trees"] else repository["refs"].get(ref.removeprefix("heads/").removeprefix("refs/heads/"))
        if commit is None:
            return Answer(422, {"message": f"No commit found for SHA: {ref}"})
        if what == "commits":
            plain = headers.get("accept") in ("application/vnd.github.sha", "application/vnd.github.v3.sha")
            return Answer(200, commit, "application/vnd.github.sha") if plain else Answer(200, {"sha": commit, "commit": {"message": "a commit"}})
        if what == "statuses":
            if request["method"] != "POST" or not known:
                return Answer(404, {"message": "Not Found"})
            try:
                status = json.loads(request["body"])
                assert status["state"] in ("error", "failure", "pending", "success")
            except (ValueError, KeyError, TypeError, AssertionError):
                return Answer(422, {"message": "Validation Failed"})
            self.statuses.setdefault(commit, []).append(status)
            return Answer(201, {"id": 1, **status})
        link = secrets.token_hex(16)
        self.links[link] = self.tarball(name, commit, repository["trees"][commit])
        return Answer(302, b"", headers={"Location": f"{self.url}/codeload/{link}"})

    @staticmethod
    def tarball(name, commit, files):
        top, buffer = f"{name.replace('/', '-')}-{commit[:7]}", io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for path, content in sorted(files.items()):
                entry = tarfile.TarInfo(f"{top}/{path}")
                entry.size, entry.mode = len(content.encode()), 0o644
                archive.addfile(entry, io.BytesIO(content.encode()))
        return buffer.getvalue()


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("repositories")
    parser.add_argument("--token", default="test-token")
    given = vars(parser.parse_args())
    try:
        with open(given.pop("repositories")) as file:
            fake = FakeGitHub(json.load(file), **given)
    except (OSError, ValueError, AttributeError) as error:
        sys.exit(f"fake_github: {error}")
    serve(fake)
