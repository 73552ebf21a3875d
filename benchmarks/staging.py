"""What brings a snapshot into a bucket sooner: the stager, or download-then-upload by the stock clients.

    .venv/bin/python benchmarks/staging.py [--quick] [--workers 1 2 4 8] [--links loopback limited]
                                           [--latency-ms 30] [--mb-per-s-per-connection 5] [--json]

From a local Hub with its CDN to the embedded S3: the same files for everybody, each round everybody in turn, and shares
taken within the round, so that a machine that drifts does not decide. Two links, one after the other: the loopback as
it is, where the machine's cores are all there is to share; and one on which each connection has a latency and a rate of
its own, as on a CDN. That limit is simulated, and it is on the Hub's side only. It shows what parallel ranges bring;
how fast a CDN and S3 are it does not say.

Goals, stated before measuring; the exit code is 0 only when they hold. The stager writes no byte to any file (its
processes may not). On the limited link 8 workers are at least 5 times as fast as 1, and at least 1.3 times as fast as
the stock clients, although every file of several parts is read back and proved. `--quick` has too few parts to say so.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.weights import stock, worker
from benchmarks.weights.account import BUCKET, BenchmarkAccount, embedded_account
from benchmarks.weights.hub import HubSettings, running_hub
from benchmarks.weights.report import STOCK, Link, document, goals_missed, stager_name, table
from benchmarks.weights.repository import Repository, make_repository
from benchmarks.weights.runs import Run
from benchmarks.weights.stager import PART_MIB, PREFIX, stage

STOCK_PREFIX = "stock/"
LINKS = LOOPBACK, LIMITED = "loopback", "limited"


@dataclass(frozen=True)
class Bench:
    """What every run of a link needs."""

    account: BenchmarkAccount
    repository: Repository
    hub_url: str
    pools: dict[str, ProcessPoolExecutor]

    def run(self, name: str) -> Run:
        """One of the ways, into an empty bucket. Ends the program where not everything arrived."""
        pool = self.pools[name]
        if name == STOCK:
            run = pool.submit(stock.download_then_upload, self.hub_url, BUCKET, STOCK_PREFIX).result()
        else:
            run = stage(pool, self.account.items)
        arrived = self.account.sizes(STOCK_PREFIX if name == STOCK else PREFIX)
        if arrived != self.repository.sizes:
            sys.exit(f"{name} did not bring every file: {arrived}")
        self.account.empty()
        return run


def main() -> int:
    options = _options()
    links = _links(options)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="adept-repository-")))
        repository = make_repository(folder / "repository", options.scale)
        _say("starting the embedded AWS")
        account = stack.enter_context(embedded_account())
        for link in links:
            _measure(link, account, repository, options.workers, options.rounds)
    if options.json:
        print(json.dumps(document(links, repository, options.workers), indent=1))
    else:
        print(table(links, repository, options.workers))
    if options.quick:
        return 0
    missed = [line for link in links if link.bytes_per_s for line in goals_missed(link, options.workers)]
    for line in missed:
        print(f"MISSED  {line}", file=sys.stderr)
    print(f"staging: {'GOALS MISSED' if missed else 'goals hold'}", file=sys.stderr)
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="The stager beside download-then-upload, in MB/s and ratios."
    )
    parser.add_argument("--quick", action="store_true", help="small files and 2 rounds: one to three minutes")
    parser.add_argument("--rounds", type=int, help="how often each is asked (default 5)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8], help="how many at once")
    parser.add_argument("--links", nargs="+", default=list(LINKS), choices=LINKS, help="one of them, or both")
    parser.add_argument(
        "--latency-ms", type=float, default=30.0, help="before each answer of the limited Hub"
    )
    parser.add_argument(
        "--mb-per-s-per-connection", type=float, default=5.0, help="the limited Hub's rate; 0: no limit"
    )
    parser.add_argument("--json", action="store_true", help="every figure, for programs")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.scale = 400 if options.quick else 100
    return options


def _links(options: argparse.Namespace) -> list[Link]:
    latency_ms, megabytes_per_s = options.latency_ms, options.mb_per_s_per_connection
    limited = f"{latency_ms:g} ms, {megabytes_per_s:g} MB/s each"
    known = {
        LOOPBACK: Link(LOOPBACK, 0.0, None),
        LIMITED: Link(limited, latency_ms / 1000, megabytes_per_s * 1e6 or None),
    }
    return [known[name] for name in options.links]


def _measure(
    link: Link, account: BenchmarkAccount, repository: Repository, workers: list[int], rounds: int
) -> None:
    settings = HubSettings(str(repository.folder), link.latency_s, link.bytes_per_s)
    with ExitStack() as stack:
        hub_url = stack.enter_context(running_hub(settings))
        variables = {**account.variables, "HF_ENDPOINT": hub_url, "PART_MIB": str(PART_MIB)}
        pools = {STOCK: stack.enter_context(_stock_clients(variables))}
        for number in workers:
            pools[stager_name(number)] = stack.enter_context(_workers(number, variables))
        account.empty()
        bench = Bench(account, repository, hub_url, pools)
        names = list(pools)
        for number in range(rounds + 1):
            what = f"round {number} of {rounds}" if number else "warming"
            turn = number % len(names)
            for name in [*names[turn:], *names[:turn]]:
                run = bench.run(name)
                _say(f"{link.name}, {what}: {name}, {run.seconds:.1f} s")
                if number:
                    link.runs.setdefault(name, []).append(run)


def _workers(number: int, variables: dict[str, str]) -> ProcessPoolExecutor:
    """Warm ones: none of them makes its clients while it is measured."""
    context = multiprocessing.get_context("spawn")
    arguments = (variables, context.Barrier(number))
    pool = ProcessPoolExecutor(number, context, initializer=worker.begin, initargs=arguments)
    list(pool.map(worker.warm, range(number)))
    return pool


def _stock_clients(variables: dict[str, str]) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=stock.begin, initargs=(variables,))


def _say(what: str) -> None:
    print(f"· {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
