"""Shell transcripts in the documentation: ``console`` blocks of commands and their output."""

import re
import shutil
import subprocess

ADDRESS = "http://127.0.0.1:8000"
PROMPT = "$ "
WILDCARD = "…"
BASH = shutil.which("bash") or "bash"
SEPARATOR = "\036"  # ASCII's record separator
TIMEOUT = 120  # seconds for the commands of a document


def transcript_of(document):
    """Return the commands of a document with their documented output, in order."""
    blocks = re.findall(r"^```console\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    transcript = []
    while lines:
        line = lines.pop(0)
        assert line.startswith(PROMPT), f"not a command: {line}"
        command = line.removeprefix(PROMPT)
        while not is_complete(command):
            command += f"\n{lines.pop(0)}"
        output = []
        while lines and not lines[0].startswith(PROMPT):
            output.append(lines.pop(0))
        transcript.append((command, "\n".join(output)))
    return transcript


def is_complete(command):
    """Whether bash would run ``command`` instead of reading another line."""
    if command.endswith("\\"):
        return False
    syntax_check = subprocess.run([BASH, "-n", "-c", command], capture_output=True, check=False)
    return syntax_check.returncode == 0


def run_commands(commands, checkout):
    """Run ``commands`` in one bash session and return the output of each."""
    script = "".join(f"{command}\nprintf '{SEPARATOR}'\n" for command in commands)
    session = subprocess.run(
        [BASH, "-c", script.replace(ADDRESS, f"http://127.0.0.1:{checkout.port}")],
        **checkout.subprocess_options,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
        check=False,
    )
    *outputs, rest = session.stdout.split(SEPARATOR)
    assert (len(outputs), rest) == (len(commands), ""), session.stdout
    return outputs


def matches(output, documented):
    """Whether ``output`` is the documented one, in which ``…`` matches any text."""
    pattern = ".*?".join(re.escape(part) for part in documented.split(WILDCARD))
    return re.fullmatch(pattern, output.rstrip("\n"), re.DOTALL) is not None
