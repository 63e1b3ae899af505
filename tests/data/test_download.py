"""Nothing is taken but by TLS from the configured host, and nothing appears under its name before its check."""

import hashlib
import http.server
import shutil
import ssl
import subprocess
import sys
import threading

import pytest

from dropscape.data import download as module
from dropscape.data.download import download
from dropscape.errors import DataError

CONTENT = b"an official file" * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Host(http.server.ThreadingHTTPServer):
    """A host on this machine that answers every path by a function of it, and notes the paths."""

    def __init__(self, answer):
        self.paths = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.paths.append(self.path)
                status, headers, content = answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request, client_address):
        """A client that hangs up is no error of these tests."""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/"


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = []

    def start(answer):
        server = Host(answer)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def whole(path):
    return 200, {"Content-Length": len(CONTENT)}, CONTENT


def fetched(folder, *hosts):
    path = folder / "file.gz"
    download("The data", path, MD5, hosts, embedded="stand-ins")
    return path


def test_the_whole_file_and_nothing_else_is_there(host, tmp_path):
    assert fetched(tmp_path, host(whole).address).read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file.gz"]


def test_plain_http_is_not_even_asked(host, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SCHEMES", ("https",))
    server = host(whole)
    with pytest.raises(DataError, match="does not begin with https, so nothing is downloaded from it"):
        fetched(tmp_path, server.address, server.address.replace("http", "ftp"), f"file://{tmp_path}/")
    assert server.paths == []


def test_by_itself_nothing_but_tls_is_admitted():
    text = "from dropscape.data import download; assert download.SCHEMES == ('https',)"
    assert subprocess.run([sys.executable, "-c", text]).returncode == 0


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_a_certificate_that_nobody_signed_is_not_trusted(host, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    made += f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(made.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = host(whole)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    (tmp_path / "cache").mkdir()
    with pytest.raises(DataError, match="CERTIFICATE_VERIFY_FAILED"):
        fetched(tmp_path / "cache", server.address.replace("http", "https"))
    assert server.paths == []
    assert not list((tmp_path / "cache").iterdir())


def test_a_host_may_send_on_to_itself_but_not_elsewhere(host, tmp_path):
    other = host(whole)

    def within(path):
        return whole(path) if path == "/new" else (302, {"Location": "/new"}, b"")

    server = host(within)
    assert fetched(tmp_path, server.address).read_bytes() == CONTENT
    assert server.paths == ["/file.gz", "/new"]

    (tmp_path / "file.gz").unlink()
    elsewhere = host(lambda path: (302, {"Location": f"{other.address}file.gz"}, b""))
    with pytest.raises(DataError, match=f"it redirects elsewhere, to {other.address}file.gz"):
        fetched(tmp_path, elsewhere.address)
    assert other.paths == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda path: (200, {"Content-Length": len(CONTENT)}, CONTENT[:-1]), "broke off after 15,999 of 16,000 bytes"),
        (lambda path: (200, {}, CONTENT[:-1]), "its checksum is not the official one"),
        (lambda path: (200, {}, CONTENT + b"x"), "sends more than the 16,000 bytes that any official file has"),
    ],
    ids=["cut off", "cut off unannounced", "endless"],
)
def test_what_is_not_the_file_is_not_kept_and_the_next_host_is_asked(host, tmp_path, monkeypatch, answer, said):
    monkeypatch.setattr(module, "LIMIT", len(CONTENT))
    with pytest.raises(DataError, match=said):
        fetched(tmp_path, host(answer).address)
    assert not list(tmp_path.iterdir())
    assert fetched(tmp_path, host(answer).address, host(whole).address).read_bytes() == CONTENT


def test_an_intact_copy_is_used_and_another_one_replaced(host, tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(CONTENT)
    fetched(tmp_path, "https://127.0.0.1:9/")
    path.write_bytes(CONTENT[:100])
    assert fetched(tmp_path, host(whole).address).read_bytes() == CONTENT
