"""What seedd's own reader makes of a configuration file."""
import subprocess
import tempfile

from nix_side import BUILD


def seedd_reads(settings):
    """(accepted, what seedd makes of it or all its mistakes)."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(settings)
        file.flush()
        result = subprocess.run([f"{BUILD}/tests/nix/parse_config", file.name], capture_output=True, text=True, timeout=60)
    return result.returncode == 0, result.stdout
