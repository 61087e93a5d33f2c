"""Nobody but its people pushes to a repository, not by force, not to other branches, not by deleting, not by adding himself."""


def run(world):
    alice, url = world.alice, world.alice.url("bob-app")
    alice.clone("bob-app")
    key_line = alice.public_key + " alice\n"
    alice.change("bob-app", {".authorized_keys": key_line, "script.sh": "echo mine now\n"})
    for references in (["HEAD:refs/heads/main"], ["--force", "HEAD:refs/heads/main"], ["HEAD:refs/heads/other"], ["HEAD:refs/tags/v1"],
                       ["--delete", "main"], ["--mirror"]):
        options = [r for r in references if r.startswith("--")]
        result = alice.git("push", *options, url, *[r for r in references if not r.startswith("--")], repo="bob-app", check=False)
        assert result.returncode != 0, f"push {references} succeeded:\n{result.stderr}"
    listed = alice.git("ls-remote", url).stdout
    assert "other" not in listed and "v1" not in listed, listed
