import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from twitter_project import demo, seed_graph
from twitter_project.progress_bars import progress


class Command(BaseCommand):
    help = (
        "Fills in demo data, once: alice, bob, carol and some more, who follow each other, and a "
        "few hundred tweets. With --graph, a user for each node of a friendship graph instead; "
        "an interrupted run goes on where it was. Everyone's password is 'password'."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--graph",
            type=Path,
            metavar="FILE",
            help="edges, two node names a line: both follow each other, as node-<name>",
        )
        parser.add_argument(
            "--tweets", type=Path, metavar="FILE", help="one tweet a line, spread over the nodes"
        )
        parser.add_argument(
            "--admin", action="store_true", help="let alice sign in at /admin/, too"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["graph"]:
            self._write_graph(options["graph"], options["tweets"])
        elif options["tweets"]:
            raise CommandError("--tweets needs the people of a --graph")
        else:
            self._write_demo(with_admin=options["admin"], verbosity=options["verbosity"])

    def _write_graph(self, edges: Path, tweets: Path | None) -> None:
        read = seed_graph.read_graph(edges)
        contents = seed_graph.read_tweets(tweets) if tweets else []
        with progress() as bars:
            seed_graph.write(read, contents, timezone.now(), bars)
        self.stdout.write(
            f"there are {len(read.nodes)} users, {2 * len(read.edges)} follows and "
            f"{len(contents)} tweets of the graph; relay and workers bring them to feed and search"
        )

    def _write_demo(self, *, with_admin: bool, verbosity: int) -> None:
        if demo.is_there():
            if verbosity:
                self.stdout.write("the demo data is there already (alice is)")
            return
        with progress() as bars:
            demo.write(timezone.now(), bars, with_admin=with_admin)
        if verbosity:
            self.stdout.write("alice, bob, carol and others are there; their password: password")
