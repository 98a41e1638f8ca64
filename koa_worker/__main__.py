"""Lets `python -m koa_worker` do what `koa-worker` does."""

from koa_worker.commands.cli import main

main()
