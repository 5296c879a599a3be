"""One client, several threads: one token, one pace, and no more calls under way than agreed."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chaos import pace
from tests.support.portal_client import settings
from worker.billing.standard import DepositSyntax
from worker.errors import PortalAccessRefused
from worker.portals import DepositOutcome, FluxState
from worker.portals.choruspro.portal import ChorusPro

THREADS = 8


class Piste:
    """A server that gives numbered tokens, and answers every operation that has a good one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked: Counter[str] = Counter()
        self.revoked: Callable[[str], bool] = lambda _: False
        self.together = threading.Barrier(1)
        self.under_way = self.most = 0

    def answer(self, route: str, token: str) -> tuple[int, dict[str, object]]:
        """The status and body of one call."""
        if route.endswith("token"):
            with self.lock:
                self.asked["token"] += 1
                return 200, {"access_token": f"jeton-{self.asked['token']}", "expires_in": 3600}
        with self.lock:
            self.asked[token] += 1
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self.together.wait(timeout=pace.limit(5))
        with self.lock:
            self.under_way -= 1
        if self.revoked(token):
            return 401, {}
        fields = {"etatCourantDepotFlux": "IN_INTEGRE", "numeroFluxDepot": "CPP1"}
        return 200, {"codeRetour": 0, **fields}


@contextmanager
def served(piste: Piste, parallel_calls: int) -> Iterator[ChorusPro]:
    """A client of that server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, body = piste.answer(self.path, token)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        portal = ChorusPro(
            settings(url, parallel_calls=parallel_calls, read_timeout=pace.limit(10))
        )
        yield portal
        portal.close()
        server.shutdown()
        thread.join()


def state(portal: ChorusPro) -> FluxState:
    """One read."""
    return portal.integration_report("CPP1").state


def test_refused_token_is_renewed_once_for_all_threads() -> None:
    """Eight calls refused together ask for one new token, not eight."""
    piste = Piste()
    piste.revoked = lambda token: token == "jeton-1"
    piste.together = threading.Barrier(THREADS)
    with served(piste, THREADS) as portal, ThreadPoolExecutor(THREADS) as pool:
        states = list(pool.map(lambda _: state(portal), range(THREADS)))

    assert states == [FluxState.INTEGRATED] * THREADS
    assert piste.asked == {"token": 2, "jeton-1": THREADS, "jeton-2": THREADS}


def test_identity_is_proven_once_for_all_threads() -> None:
    """Eight threads that sign in together cost one token and one health check."""
    piste = Piste()
    with served(piste, THREADS) as portal, ThreadPoolExecutor(THREADS) as pool:
        for signed in [pool.submit(portal.sign_in) for _ in range(THREADS)]:
            signed.result()

    assert piste.asked == {"token": 1, "jeton-1": 1}


def test_refused_account_is_not_insisted_upon_by_many_threads() -> None:
    """Each call stops at its second 401: no thread goes on asking for tokens."""
    piste = Piste()
    piste.revoked = lambda _: True
    with served(piste, THREADS) as portal, ThreadPoolExecutor(THREADS) as pool:
        for refusal in [pool.submit(state, portal) for _ in range(THREADS)]:
            with pytest.raises(PortalAccessRefused):
                refusal.result()
    calls = sum(piste.asked.values()) - piste.asked["token"]

    assert calls == 2 * THREADS


@pytest.mark.parametrize("parallel", [1, 3])
def test_calls_under_way_are_as_many_as_agreed(parallel: int) -> None:
    """Reads and deposits of all threads share the places; all of them are used."""
    piste = Piste()
    piste.together = threading.Barrier(parallel)

    def work(rank: int) -> bool:
        if rank % 2:
            return state(portal) is FluxState.INTEGRATED
        answer = portal.deposit(file_name="F.xml", syntax=DepositSyntax.CII, content=b"x")
        return answer.outcome is DepositOutcome.ACCEPTED

    with served(piste, parallel) as portal, ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(work, range(4 * parallel)))

    assert piste.most == parallel
    assert piste.asked == {"token": 1, "jeton-1": 4 * parallel}
