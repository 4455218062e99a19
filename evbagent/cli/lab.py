"""`evbagent lab`: a first-hop switch, a host with this daemon, and guests, all in namespaces."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import click

from evbagent.cli.exits import Exit, Format, fail, format_option, print_json
from evbagent.cli.status import table
from evbagent.lab.lab import Lab, LabTimeout
from evbagent.lab.namespaces import privileged, user_namespaces_allowed
from evbagent.lab.sabotage import SABOTAGES
from evbagent.lab.stories import STORIES
from evbagent.lab.story import Report, Step
from evbagent.lab.switch import SwitchSettings

__all__ = ["command"]

_INSIDE = "EVBAGENT_LAB_INSIDE"  # set for the copy that runs in a user namespace, so that it never nests


@click.command("lab")
@click.option("--script", is_flag=True, help="Play a story and exit 0 only if every step held.")
@click.option("--story", default="basic", show_default=True, help="Which one; `list` names them.")
@click.option("--guests", type=click.IntRange(2, 64), default=2, show_default=True)
@click.option("--sabotage", type=click.Choice(list(SABOTAGES)), help="Build a fault in: the story must then fail.")
@format_option
def command(script: bool, story: str, guests: int, sabotage: str | None, form: Format) -> None:
    """Run the daemon against an embedded switch in network namespaces.

    Without --script the lab stays up and shows the status as it changes.
    """
    if story == "list":
        _list(form)
        return
    if form == "json" and not script:
        fail(Exit.USAGE, "--format json is for --script: a lab that stays up has no report", form=form)
    if story not in STORIES:
        fail(Exit.USAGE, f"there is no story {story!r} (there are: {', '.join(STORIES)})", form=form)
    _enter(form)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # taken down in order, as by Ctrl-C
    try:
        if script:
            report = asyncio.run(_play(story, guests, sabotage, form))
            sys.exit(Exit.OK if report.ok else Exit.FAILED)
        asyncio.run(_stay(guests, sabotage))
    except KeyboardInterrupt:
        click.echo("lab: taken down")
    except LabTimeout as error:
        fail(Exit.FAILED, str(error), form=form)


def _list(form: Format) -> None:
    if form == "json":
        stories = [{"name": story.name, "summary": story.summary} for story in STORIES.values()]
        print_json({"schema": "evbagent/stories/1", "stories": stories})
        return
    for story in STORIES.values():
        click.echo(f"{story.name:16} {story.summary}")


def _enter(form: Format) -> None:
    """Run on with the rights to make namespaces: as root as it is, else as root of a user namespace."""
    if privileged():
        return
    if _INSIDE in os.environ or not user_namespaces_allowed():
        hint = "run it as root, or allow user namespaces (kernel.unprivileged_userns_clone, AppArmor's userns rule)"
        fail(Exit.NOT_PERMITTED, "this user may not make network namespaces (CAP_SYS_ADMIN)", hint=hint, form=form)
    environment = {**os.environ, _INSIDE: "1"}
    again = [sys.executable, "-m", "evbagent", *sys.argv[1:]]
    os.execvpe("unshare", ["unshare", "--user", "--map-root-user", "--net", "--mount", *again], environment)


async def _play(story: str, guests: int, sabotage: str | None, form: Format) -> Report:
    chosen = STORIES[story]
    if form == "table":
        click.echo(f"story {chosen.name}: {chosen.summary}")
    async with Lab(guests) as lab:
        if sabotage is not None:
            lab.agent.module = SABOTAGES[sabotage]
        report = await chosen.play(lab, _show if form == "table" else lambda _: None)
    if form == "json":
        print_json(report.as_json())
    else:
        click.echo("every step held" if report.ok else "a step did not hold")
    return report


def _show(step: Step) -> None:
    traffic = ""
    if step.frames_sent:
        traffic = f"  {step.frames_sent} frames, {step.frames_lost} lost, {step.via_switch} via the switch"
    click.echo(f"{'ok    ' if step.ok else 'FAILED'} {step.seconds:6.3f} s  {step.name}{traffic}")
    for line in step.detail.splitlines():
        click.echo(f"         {line}")


async def _stay(guests: int, sabotage: str | None) -> None:
    async with Lab(guests) as lab:
        if sabotage is not None:
            lab.agent.module = SABOTAGES[sabotage]
        await lab.switch.start(SwitchSettings())
        await lab.agent.start()
        me = f"/proc/{os.getpid()}"
        user = f"--user={me}/ns/user --preserve-credentials " if _INSIDE in os.environ else ""
        click.echo(f"lab: host     nsenter {user}--net={me}/fd/{lab.host_namespace.descriptor}")
        click.echo(f"lab: switch   nsenter {user}--net={me}/fd/{lab.switch_namespace.descriptor}")
        click.echo(f"lab: agent    {sys.executable} -m evbagent status --config {lab.agent.config}")
        click.echo("lab: end with Ctrl-C")
        generation = None
        while lab.agent.ended is None:
            policy = lab.agent.policy
            if policy is not None and policy["generation"] != generation:
                generation = policy["generation"]
                click.echo("\n" + table({"uplinks": list(policy["uplinks"].values())}), nl=False)
            await asyncio.sleep(0.1)
        raise LabTimeout(f"the daemon ended with exit code {lab.agent.ended}\n{lab.agent_log()}")
