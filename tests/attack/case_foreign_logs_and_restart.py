"""Logs, status, volumes and restart are for the people of a repository only; others do not even learn whether it runs."""


def run(world):
    alice = world.alice
    for words in (["logs", "bob-app/scripted"], ["logs", "--json", "bob-app/scripted"], ["restart", "bob-app/scripted"],
                  ["status", "bob-app"], ["logs", "alice-app/../bob-app/scripted"], ["logs", "bob-app"]):
        world.refused(alice.ssh(*words, check=False))
    seen = alice.ssh("status", "--json").stdout + alice.ssh("volumes", "--json").stdout + alice.ssh("whoami", "--json").stdout
    assert "bob-app" not in seen and world.secret not in seen, seen
