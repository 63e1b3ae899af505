"""Data that is fetched beforehand, and what is said where a host cannot be reached."""

from pathlib import Path

from dropscape.commands.main import main

ROOT = Path(__file__).resolve().parents[2]


def test_a_host_that_is_not_reached_is_said_last_and_what_is_there_is_prepared(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(ROOT)
    # No network in the jobs either: a proxy that nobody listens at.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    keys = ["--studies", "[noise_structure]", "--scale", "smoke", "--results", str(tmp_path / "results")]
    source = ["--source", "{mnist: official}", "--download-cache", str(tmp_path / "downloads")]
    assert main(["fetch", *keys, *source, "--cores", "1"]) == 1
    said = capfd.readouterr()
    assert said.err.splitlines()[-1].startswith("dropscape: data mnist stopped. MNIST could not be downloaded")
    assert "multi30k: stand-in data" in said.out and "mnist: " not in said.out
