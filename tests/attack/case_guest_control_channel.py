"""A guest that kills the helper and sends garbage on the control channel harms only itself."""


def run(world):
    world.hostile_guest("""
        for comm in /proc/[0-9]*/comm; do
          [ "$(cat $comm 2>/dev/null)" != seed-guest ] || { pid=${comm#/proc/}; kill -9 ${pid%/comm}; }
        done
        for port in /dev/vport*; do
          printf '{"id":1,"op":"restart","args":{"instance":"bob-app/scripted"}}\\n{"ready":true,"instance":"bob-app/scripted"}\\n' > $port
          printf '%s\\n' '{"event":"ready"' '[[[[' '{"a":{"a":{"a":{"a":1}}}}' '\\0\\0' '{"op":"started","ports":[1e999]}' > $port
          head -c 200000 /dev/zero | tr '\\0' '[' > $port
          timeout 8 cat /dev/urandom > $port
          yes '{"event":"ready","note":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}' | timeout 8 cat > $port
        done
        echo done""", deadline=240)
