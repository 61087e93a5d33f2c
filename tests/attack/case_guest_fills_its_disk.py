"""A guest that fills its volume and its memory gets errors; the volume stays within its size."""


def run(world):
    text = world.hostile_guest("dd if=/dev/zero of=/data/fill bs=1M count=400 2>&1; df -k /data | tail -n 1 | awk '{print \"size\", $2}'; "
                               "dd if=/dev/zero of=/tmp/fill bs=1M count=2000 2>&1 | tail -n 1; rm -f /tmp/fill /data/fill; echo survived", deadline=300)
    assert "No space left" in text, text
    size = int(text.split("size", 1)[1].split()[0])
    assert size <= 33 * 1024, f"the volume has {size} KiB"
