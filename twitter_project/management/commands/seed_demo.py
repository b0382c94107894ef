import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from twitter_project import demo, seed_graph
from twitter_project.progress_bars import progress


class Command(BaseCommand):
    help = (
        "Writes demo data, once: alice, bob, carol and others, who follow each other, and a few "
        "hundred tweets. With --graph, writes a user for each node of a friendship graph instead; "
        "run it again to resume an interrupted run. All passwords are 'password'."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--graph",
            type=Path,
            metavar="FILE",
            help="two node names a line: the users node-<name> that follow each other",
        )
        parser.add_argument(
            "--tweets",
            type=Path,
            metavar="FILE",
            help="one tweet a line, for random nodes as authors",
        )
        parser.add_argument(
            "--admin", action="store_true", help="make alice a superuser, who may use /admin/"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["graph"]:
            self._write_graph(options["graph"], options["tweets"])
        elif options["tweets"]:
            raise CommandError("--tweets: needs the users of a --graph")
        else:
            self._write_demo(with_admin=options["admin"], verbosity=options["verbosity"])

    def _write_graph(self, edges: Path, tweets: Path | None) -> None:
        graph = seed_graph.read_graph(edges)
        contents = seed_graph.read_tweets(tweets) if tweets else []
        with progress() as bars:
            seed_graph.write(graph, contents, timezone.now(), bars)
        self.stdout.write(
            f"the graph has {len(graph.nodes)} users, {2 * len(graph.edges)} follows and "
            f"{len(contents)} tweets; relay and workers add them to feed and search"
        )

    def _write_demo(self, *, with_admin: bool, verbosity: int) -> None:
        if demo.is_there():
            if verbosity:
                self.stdout.write("the demo data exists already: there is a user alice")
            return
        with progress() as bars:
            demo.write(timezone.now(), bars, with_admin=with_admin)
        if verbosity:
            self.stdout.write("created alice, bob, carol and others; their password is: password")
