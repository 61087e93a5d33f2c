"""The memory of a platform's processes: proportional, as the kernel tells it, and the pages that are really different ones."""
import struct

import census

OTHERS = ("pdns_server",)     # and QEMU: what is not ours, and has its size by what it is told to do


def frames(pid):
    """The physical pages that a process has mapped."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/pagemap", "rb", 0) as pages:
        for line in maps:
            first, end = (int(address, 16) for address in line.split()[0].split("-"))
            if "[vsyscall]" in line:
                continue
            pages.seek(first // 4096 * 8)
            found |= {entry & ((1 << 55) - 1) for (entry,) in struct.iter_unpack("<Q", pages.read((end - first) // 4096 * 8)) if entry >> 63}
    return found


class of_processes:
    """Taken at once: `.each` is [(name, MB)], `.total` their sum, `.pages` the MB of different pages."""

    def __init__(self, platform):
        self.each, pages = [], set()
        for pid, name in census.own_processes(platform):
            if name in OTHERS or name.startswith("qemu-system"):
                continue
            with open(f"/proc/{pid}/smaps_rollup") as file:
                proportional = next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
            self.each.append((f"{name} {census.command_line(pid)[2]}" if name == "seed-plugin-host" else name, proportional))
            pages |= frames(pid)
        self.total = sum(memory for _, memory in self.each)
        self.pages = len(pages) / 256

    def show(self, goal):
        for name, memory in self.each:
            print(f"  {name:44} {memory:6.1f} MB")
        print(f"  sum {self.total:.1f} MB (goal {goal}); {self.pages:.1f} MB of different pages: the sum when nobody else uses the same libraries")
